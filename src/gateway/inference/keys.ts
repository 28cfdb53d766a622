/**
 * The vendors' keys, in this process's memory only: read from `secrets/gateway/<provider>.key` (0600) or from the
 * environment variables that the provider table names. A changed file counts within a second, without a restart.
 * Must never log, print or hand a key to anything but the request that goes to that vendor.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import type { Provider } from "./providers.ts";

/** How long a look at the file counts. */
const FRESH_MS = 1_000;

interface Entry {
  key: string | undefined;
  mtimeMs: number;
  checkedAt: number;
}

/** Keys by provider name. */
export class KeyRing {
  readonly #dir: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #entries = new Map<string, Entry>();

  constructor(dir: string, env: NodeJS.ProcessEnv = process.env) {
    this.#dir = dir;
    this.#env = env;
  }

  /** The key, or undefined when there is none. Throws Fault `key-file-open` when others could read the file. */
  keyOf(name: string, provider: Provider): string | undefined {
    const now = performance.now();
    const known = this.#entries.get(name);
    if (known && now - known.checkedAt < FRESH_MS) return known.key;
    const file = join(this.#dir, `${name}.key`);
    const stat = statSync(file, { throwIfNoEntry: false });
    if (!stat) {
      const key = provider.keyEnv.map((variable) => this.#env[variable]?.trim()).find(Boolean);
      this.#entries.set(name, { key, mtimeMs: 0, checkedAt: now });
      return key;
    }
    if ((stat.mode & 0o077) !== 0) {
      throw new Fault({
        code: "key-file-open",
        message: `the key file of ${name} can be read by others`,
        hint: `chmod 600 ${file}`,
      });
    }
    const key =
      known && known.mtimeMs === stat.mtimeMs ? known.key : readFileSync(file, "utf8").trim() || undefined;
    if (key !== undefined && !/^[\x21-\x7e]{1,4096}$/.test(key)) {
      throw new Fault({
        code: "key-file-bad",
        message: `the key file of ${name} holds more than one line of key`,
      });
    }
    this.#entries.set(name, { key, mtimeMs: stat.mtimeMs, checkedAt: now });
    return key;
  }
}
