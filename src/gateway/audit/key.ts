/**
 * The chain's key: 32 random bytes in `secrets/gateway/audit.key` (0600), made at the first start, read by the gateway
 * and by who verifies. It is never replaced: rows of before couldn't be verified any more.
 */
import { createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { closeSync, constants, fchmodSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from "node:fs";
import { Fault } from "../../lib/errors.ts";
import { readPlain } from "../../lib/plain-file.ts";

/** Room for more than a key, so that what is too long is called no key. */
const MOST_BYTES = 64 * 1024;

/** The key in this file; undefined when there is none. @throws Fault `audit-key-invalid` */
export function readKey(file: string): KeyObject | undefined {
  let text: string;
  try {
    text = readPlain(file, MOST_BYTES).toString("utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const bytes = Buffer.from(text.trim(), "base64url");
  if (bytes.length === 32) return createSecretKey(bytes);
  throw new Fault({
    code: "audit-key-invalid",
    message: `${file} doesn't hold an audit key`,
    hint: "restore it from a backup; without it the audit can't be verified",
  });
}

/** The key; a new one when there is none yet. */
export function ensureKey(file: string): KeyObject {
  const known = readKey(file);
  if (known) return known;
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  const fd = openSync(
    fresh,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    fchmodSync(fd, 0o600);
    writeSync(fd, randomBytes(32).toString("base64url"));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    linkSync(fresh, file); // Unlike a rename never over a key that is there.
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  rmSync(fresh, { force: true });
  return readKey(file) as KeyObject;
}
