/**
 * The port to DNS, and the system's resolver behind it (c-ares: no hosts file, no search list, no thread pool).
 * Called only by the guard, only for names that a policy has already allowed.
 */

import { Resolver as CaresResolver } from "node:dns/promises";
import type { Cancel } from "../../../lib/cancel.ts";

/** Looks a canonical name up. Resolves to every address as text, `[]` when the name doesn't exist. */
export interface Resolver {
  resolve(host: string, signal: Cancel): Promise<readonly string[]>;
}

/** Codes with which c-ares says that a name or a record type doesn't exist. */
const ABSENT = new Set(["ENOTFOUND", "ENODATA", "ENONAME"]);

/** The resolver of this host: A and AAAA at once, cancelled with the signal. */
export function systemResolver(servers?: readonly string[]): Resolver {
  return {
    async resolve(host, signal) {
      // One per lookup: cancel() ends all queries of an instance.
      const resolver = new CaresResolver({ timeout: 2_000, tries: 2 });
      if (servers) resolver.setServers(servers);
      const cancel = () => resolver.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      try {
        // The dot keeps every resolver from adding a search domain.
        const answers = await Promise.allSettled([
          resolver.resolve4(`${host}.`),
          resolver.resolve6(`${host}.`),
        ]);
        const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
        if (addresses.length > 0) return addresses;
        for (const answer of answers) {
          if (answer.status === "rejected" && !ABSENT.has((answer.reason as { code?: string }).code ?? ""))
            throw answer.reason;
        }
        return [];
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    },
  };
}
