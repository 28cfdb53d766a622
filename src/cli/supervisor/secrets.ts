/**
 * Secrets as files of the one process that may hold each: `secrets/<process>/<name>`, 0600, owned by that process's user.
 * They leave the environment here and are never handed on by environment or argument.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchownSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { providerOf } from "../../gateway/index.ts";
import { BOT_TOKEN, type SecretSource } from "../../lib/config.ts";
import type { Paths } from "../../lib/paths.ts";
import { readPlain } from "../../lib/plain-file.ts";
import type { Ids, Users } from "./users.ts";

/** Bridges that need a token: the variable that names it, and its file below `secrets/<bridge>/`. */
export const BOT_TOKENS = {
  "telegram-bridge": { variable: "TELEGRAM_BOT_TOKEN", file: BOT_TOKEN },
  "discord-bridge": { variable: "DISCORD_BOT_TOKEN", file: BOT_TOKEN },
} as const;

/** A bridge that needs a token. */
export type BotName = keyof typeof BOT_TOKENS;

/** Whether a process's name is such a bridge's. */
export const isBot = (name: string): name is BotName => Object.hasOwn(BOT_TOKENS, name);

/** Bridges whose token is there. */
export function botsWithToken(paths: Paths): BotName[] {
  return (Object.keys(BOT_TOKENS) as BotName[]).filter(
    (name) => readSecret(join(paths.secrets(name), BOT_TOKENS[name].file)) !== undefined,
  );
}

/** Writes one secret so that no other user ever could read it, and a crash leaves the old or the new one. */
export function writeSecret(file: string, value: string | Uint8Array, ids: Ids): void {
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  // The directory belongs to the process's user: exclusive creation without following a link, or not at all.
  const fd = openSync(
    fresh,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    writeFileSync(fd, value);
    if (process.getuid?.() === 0) fchownSync(fd, ids.uid, ids.gid);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, file);
}

/** Moves what came by the environment into files and forgets it in `env`. Unchanged files are left alone. */
export function storeSecrets(
  secrets: SecretSource[],
  paths: Paths,
  users: Users,
  env: NodeJS.ProcessEnv,
): void {
  for (const { variable, process: owner, name, value } of secrets) {
    const file = join(paths.secrets(owner), name);
    if (readSecret(file) !== value) writeSecret(file, value, users[owner]);
    delete env[variable];
  }
}

/** No key or token is longer. */
const MOST_BYTES = 64 * 1024;

/**
 * A secret's text, or undefined when the file isn't there. The directory belongs to the process's user and we may be root.
 * @throws Fault `file-not-plain`, `file-too-large`
 */
export function readSecret(file: string): string | undefined {
  try {
    return readPlain(file, MOST_BYTES).toString("utf8").trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The password in this file; a new random one at the first start. */
export function ensurePassword(file: string, ids: Ids): string {
  const known = readSecret(file);
  if (known) return known;
  const value = randomBytes(32).toString("base64url");
  writeSecret(file, value, ids);
  return value;
}

/** Providers whose key lies in a file from an earlier start. Other keys lie there too: the audit's. */
export function storedProviderKeys(paths: Paths): string[] {
  try {
    return readdirSync(paths.secrets("gateway")).flatMap((name) =>
      name.endsWith(".key") && providerOf(name.slice(0, -4)) ? [name.slice(0, -4)] : [],
    );
  } catch {
    return [];
  }
}
