/**
 * What is in a backup, and what may be. A gzipped tar: `manifest.json` first, `digest` last; in between the files of
 * DESIGN §9 by their names in the home. Pure; a name that isn't listed here is refused.
 */
import { createHash, type Hash } from "node:crypto";
import type { Header } from "tar-stream";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";

/** What is read of an entry's header. */
export type EntryHeader = Partial<Header> & Pick<Header, "name">;

/** First entry. */
export const Manifest = z.object({
  v: z.literal(1),
  version: z.string(),
  created: z.string(),
  hostId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  /** `external`: mailboxes, turns and rules are in the operator's own Redis, and not in here. */
  redis: z.enum(["embedded", "external", "none"]),
  principals: z.array(z.string().regex(/^p_[a-z0-9]{20}$/)),
  /** Names of the secrets that were there (`gateway/openai.key`), whether or not they are in the backup. */
  secrets: z.array(z.string()),
});
export type Manifest = z.infer<typeof Manifest>;

export const MANIFEST = "manifest.json";
/** Last entry: the digest of all others. */
export const DIGEST = "digest";
/** Encrypted (secret-box.ts). */
export const SECRETS = "secrets.enc";

/** What an entry is for. */
export type Place =
  | { readonly kind: "manifest" | "digest" | "secrets" }
  /** A file of the home itself, of Redis, or of the audit. */
  | { readonly kind: "home" | "redis" | "audit"; readonly file: string }
  | { readonly kind: "record"; readonly id: string }
  | { readonly kind: "user"; readonly id: string; readonly inside: string };

const PRINCIPAL = "(p_[a-z0-9]{20})";
const USER = new RegExp(`^users/${PRINCIPAL}/home/(.+)$`, "s");
const RECORD = new RegExp(`^sandboxes/${PRINCIPAL}\\.json$`);
const REDIS = /^redis\/appendonlydir\/([A-Za-z0-9][A-Za-z0-9._-]{0,100})$/;
const AUDIT = /^audit\/(egress-\d{4}-\d{2}-\d{2}-[1-9]\d{0,8}\.jsonl)$/;
const HOME_FILES = ["config.yaml", "policy.yaml", "pending.json"];
const PLAIN: Record<string, "manifest" | "digest" | "secrets"> = {
  [MANIFEST]: "manifest",
  [DIGEST]: "digest",
  [SECRETS]: "secrets",
};

/** Where an entry belongs. @throws Fault `backup-invalid` for one that is no part of a backup */
export function placeOf({ name: written, type }: EntryHeader): Place {
  const name = withoutSlash(written);
  const user = USER.exec(name);
  if (user && isInside(user[2] ?? "") && ["file", "directory", "symlink"].includes(type ?? "file"))
    return { kind: "user", id: user[1] ?? "", inside: user[2] ?? "" };
  if ((type ?? "file") === "file") {
    const plain = PLAIN[name];
    if (plain) return { kind: plain };
    if (HOME_FILES.includes(name)) return { kind: "home", file: name };
    const [record, redis, audit] = [RECORD.exec(name), REDIS.exec(name), AUDIT.exec(name)];
    if (record) return { kind: "record", id: record[1] ?? "" };
    if (redis) return { kind: "redis", file: redis[1] ?? "" };
    if (audit) return { kind: "audit", file: audit[1] ?? "" };
  }
  throw invalid(`${JSON.stringify(name.slice(0, 200))} (${type}) has no place in a backup`);
}

/** The tar library takes a mode of 0 for none and sets its own; bits above the mode's are cut off when it is written. */
export const exactMode = (mode: number): number => (mode & 0o777) | 0o100000;

/** tar marks directories by a slash at the end. */
const withoutSlash = (name: string) => name.replace(/\/$/, "");

/** A relative path without a way out, as it stands inside of a home. */
export function isInside(path: string): boolean {
  return (
    !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}

/** The digest of all entries so far, in their order: what each is called, what it is, what it holds. */
export class Digest {
  readonly #hash = createHash("sha256");

  /** Begins an entry; hand its bytes to the result and {@link close} it. */
  open({ name, type, mode, linkname }: EntryHeader): Hash {
    this.#hash.update(
      `${JSON.stringify([withoutSlash(name), type ?? "file", (mode ?? 0) & 0o7777, linkname ?? ""])}\n`,
    );
    return createHash("sha256");
  }

  close(entry: Hash): void {
    this.#hash.update(`${entry.digest("hex")}\n`);
  }

  /** Text of the last entry. */
  get text(): string {
    return `sha256:${this.#hash.copy().digest("hex")}\n`;
  }
}

/** The backup can't be used. */
export function invalid(why: string): Fault {
  return new Fault({
    code: "backup-invalid",
    message: `this backup is damaged or was changed: ${why}`,
    hint: "nothing was restored; use another copy of it",
  });
}
