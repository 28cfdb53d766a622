/**
 * Which worker acts on a host. Others stand by: a sandbox has one control connection, so it has one worker.
 */
import type { Connection } from "./connection.ts";
import { keys } from "./keys.ts";
import type { HostPort } from "./ports.ts";

/** The lease of one host. */
export function hostLease(connection: Connection, host: string): HostPort {
  const key = keys.host.alive(host);
  return {
    async hold(owner, ttlMs, deadOwner = "") {
      return String(await connection.run("lease", [key], [owner, Math.max(1, Math.round(ttlMs)), deadOwner]));
    },
    async release(owner) {
      await connection.run("lease", [key], [owner, 0, ""]);
    },
  };
}
