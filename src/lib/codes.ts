/**
 * One-time codes that people copy from one place to another: shown in groups of four, stored and compared as SHA-256.
 * Must never be logged or stored as they are.
 */
import { createHash, randomInt } from "node:crypto";

const ALPHABET = "abcdefghjkmnpqrstvwxyz0123456789";

/**
 * What a code is for; part of what is hashed, so that a code of one kind is none of another.
 * `pairing`: 40 bits, tells an admin whom a message came from and grants nothing to its bearer. `claim` and `link`: 80 bits,
 * grant something to whoever brings them.
 */
export type CodeKind = "pairing" | "claim" | "link";

const LENGTH: Record<CodeKind, number> = { pairing: 8, claim: 16, link: 16 };

/** A fresh code, as it is shown: `7k2m-x9pa`. */
export function newCode(kind: CodeKind): string {
  let code = "";
  for (let i = 0; i < LENGTH[kind]; i++) {
    code += i > 0 && i % 4 === 0 ? "-" : "";
    code += ALPHABET[randomInt(ALPHABET.length)] ?? "";
  }
  return code;
}

/** The code's hash in hex, however it was typed (case, blanks, dashes); undefined for what can't be a code of that kind. */
export function hashOfCode(kind: CodeKind, typed: string): string | undefined {
  const bare = typed.replace(/[\s\-–—_]+/g, "").toLowerCase();
  if (bare.length !== LENGTH[kind] || [...bare].some((letter) => !ALPHABET.includes(letter)))
    return undefined;
  return createHash("sha256").update(`${kind}:${bare}`).digest("hex");
}
