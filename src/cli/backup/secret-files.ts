/** Secrets as they lie below `secrets/`, as far as they make sense on another machine. */
import { closeSync, constants, lchownSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Paths } from "../../lib/paths.ts";
import { readPlain } from "../../lib/plain-file.ts";
import { REDIS_PASSWORD } from "../supervisor/messages.ts";
import { writeSecret } from "../supervisor/secrets.ts";
import type { Users } from "../supervisor/users.ts";
import { invalid } from "./format.ts";
import type { SecretFiles } from "./secret-box.ts";

/** Made anew at each first start, and of use on that machine only. */
const OF_THIS_MACHINE = new Set([REDIS_PASSWORD, "users.acl"]);
/** Sandboxes' CAs: who found one in a backup could read what they inspect. Made anew where there is none. */
const CAS = /^gateway\/ca\//;
/** Keys are small; the audit's anchors grow to a few megabytes. */
const MOST_BYTES = 64 * 1024 * 1024;
/** `process/name`, or `process/folder/name`. */
const NAME = /^[a-z][a-z-]{0,40}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,100}){1,2}$/;

/** Every secret that a backup may hold, by its name below `secrets/`. Links are not followed. */
export function readSecretFiles(paths: Paths): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const base = dirname(paths.secrets("x"));
  const walk = (dir: string, inside: string) => {
    // Held open: its owner, a service, might put a link to somewhere else in its place while we look.
    const fd = openDirectory(dir);
    if (fd === undefined) return;
    try {
      const held = `/proc/self/fd/${fd}`;
      for (const { name, ...entry } of list(held)) {
        const path = inside === "" ? name : `${inside}/${name}`;
        // No name is deeper: a service's folders within folders have no end.
        if (entry.directory && path.split("/").length <= 2) walk(join(held, name), path);
        else if (entry.file && belongs(path) && NAME.test(path))
          found.set(path, readPlain(join(held, name), MOST_BYTES));
      }
    } finally {
      closeSync(fd);
    }
  };
  walk(base, "");
  return found;
}

/** Whether a secret may be in a backup at all. Some are in those of older releases. */
export function belongs(path: string): boolean {
  return !OF_THIS_MACHINE.has(path.split("/").at(-1) ?? "") && !CAS.test(path);
}

/** Puts them back, each for its process's user. */
export function writeSecretFiles(secrets: SecretFiles, paths: Paths, users: Users): void {
  const owners: Record<string, { uid: number; gid: number }> = { ...users };
  for (const [path, bytes] of secrets) {
    if (!NAME.test(path)) throw invalid(`a secret is called ${JSON.stringify(path.slice(0, 100))}`);
    if (!belongs(path)) continue;
    const [owner = "", ...rest] = path.split("/");
    const ids = owners[owner] ?? users.launcher;
    const file = join(paths.secrets(owner), ...rest);
    const folder = dirname(file);
    if (mkdirSync(folder, { recursive: true, mode: 0o700 }) && process.getuid?.() === 0)
      lchownSync(folder, ids.uid, ids.gid);
    writeSecret(file, bytes, ids);
  }
}

function list(dir: string): { name: string; directory: boolean; file: boolean }[] {
  return readdirSync(dir, { withFileTypes: true }).map((entry) => ({
    name: entry.name,
    directory: entry.isDirectory(),
    file: entry.isFile(),
  }));
}

/** Undefined when it isn't there, or isn't one. */
function openDirectory(dir: string): number | undefined {
  try {
    return openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
}
