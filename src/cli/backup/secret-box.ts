/**
 * Secrets in a backup: encrypted with a passphrase, by scrypt and AES-256-GCM of Node's own crypto. Without the
 * passphrase nobody reads them, and a changed box doesn't open. A lost passphrase can't be had again.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";

/** About 0.4 s and 128 MB for each try (RFC 7914; OWASP's first choice). */
const COST = { N: 2 ** 17, r: 8, p: 1 } as const;
const MAX_MEMORY = 256 * 1024 * 1024;
const CONTEXT = Buffer.from("nemoclaw backup secrets v1");
/** A short one is guessed offline. */
const MIN_PASSPHRASE = 10;

const Box = z.object({
  v: z.literal(1),
  salt: z.string(),
  iv: z.string(),
  tag: z.string(),
  sealed: z.string(),
});
const Contents = z.record(z.string(), z.base64());

/** Name below `secrets/` → content. */
export type SecretFiles = ReadonlyMap<string, Buffer>;

/** @throws Fault `usage` for a passphrase that would be guessed */
export function seal(secrets: SecretFiles, passphrase: string): string {
  if (passphrase.length < MIN_PASSPHRASE)
    throw new Fault({
      code: "usage",
      message: `the passphrase has ${passphrase.length} characters`,
      hint: `at least ${MIN_PASSPHRASE}, or the secrets would be guessed by whoever finds the backup`,
    });
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", keyFrom(passphrase, salt), iv).setAAD(CONTEXT);
  const plain = JSON.stringify(
    Object.fromEntries([...secrets].map(([name, bytes]) => [name, bytes.toString("base64")])),
  );
  const sealed = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
  const text = (bytes: Buffer) => bytes.toString("base64");
  return JSON.stringify({
    v: 1,
    ...{ salt: text(salt), iv: text(iv), tag: text(cipher.getAuthTag()), sealed: text(sealed) },
  });
}

/** @throws Fault `backup-passphrase` */
export function open(box: string, passphrase: string): SecretFiles {
  const { salt, iv, tag, sealed } = Box.parse(JSON.parse(box));
  const bytes = (text: string) => Buffer.from(text, "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", keyFrom(passphrase, bytes(salt)), bytes(iv))
      .setAAD(CONTEXT)
      .setAuthTag(bytes(tag));
    const plain = Buffer.concat([decipher.update(bytes(sealed)), decipher.final()]).toString("utf8");
    const contents = Contents.parse(JSON.parse(plain));
    return new Map(Object.entries(contents).map(([name, text]) => [name, bytes(text)]));
  } catch (error) {
    throw new Fault({
      code: "backup-passphrase",
      message: "the passphrase doesn't open this backup's secrets",
      hint: "try again, or restore without them: --no-secrets",
      cause: error,
    });
  }
}

function keyFrom(passphrase: string, salt: Buffer): Buffer {
  return scryptSync(passphrase.normalize("NFC"), salt, 32, { ...COST, maxmem: MAX_MEMORY });
}
