/** Secrets as they lie below `secrets/`, as far as they make sense on another machine. */
import { chownSync, lstatSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Paths } from "../../lib/paths.ts";
import { REDIS_PASSWORD } from "../supervisor/messages.ts";
import { writeSecret } from "../supervisor/secrets.ts";
import type { Users } from "../supervisor/users.ts";
import { invalid } from "./format.ts";
import type { SecretFiles } from "./secret-box.ts";

/** Made anew at each first start, and of use on that machine only. */
const OF_THIS_MACHINE = new Set([REDIS_PASSWORD, "users.acl"]);
/** Sandboxes' CAs: who found one in a backup could read what they inspect. Made anew where there is none. */
const CAS = /^gateway\/ca\//;
/** `process/name`, or `process/folder/name`. */
const NAME = /^[a-z][a-z-]{0,40}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,100}){1,2}$/;

/** Every secret that a backup may hold, by its name below `secrets/`. Links are not followed. */
export function readSecretFiles(paths: Paths): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const base = dirname(paths.secrets("x"));
  const walk = (inside: string) => {
    for (const name of list(join(base, inside))) {
      const path = inside === "" ? name : `${inside}/${name}`;
      const stat = lstatSync(join(base, path));
      if (stat.isDirectory()) walk(path);
      else if (stat.isFile() && belongs(path) && NAME.test(path))
        found.set(path, readFileSync(join(base, path)));
    }
  };
  walk("");
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
      chownSync(folder, ids.uid, ids.gid);
    writeSecret(file, bytes, ids);
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
