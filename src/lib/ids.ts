/**
 * Opaque ids and the few names derived from identities.
 * Ids are lower-case base32 without look-alikes, so that a user can read one aloud from a phone.
 */
import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "abcdefghjkmnpqrstvwxyz0123456789";

function encode(bytes: Uint8Array, length: number): string {
  let out = "";
  for (let i = 0; i < length; i++) out += ALPHABET[(bytes[i] ?? 0) & 31];
  return out;
}

/** A random id with `prefix_` and 20 characters (100 bits). */
export function newId(prefix: string): string {
  return `${prefix}_${encode(randomBytes(20), 20)}`;
}

/** An id that is a pure function of its parts: the same parts always give the same 20 characters. */
export function derivedId(prefix: string, ...parts: string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest();
  return `${prefix}_${encode(hash, 20)}`;
}

/**
 * The principal of a platform identity that is linked to nothing else (DESIGN §3).
 * Deterministic, so that two bridges that meet a newcomer at once agree without a write.
 */
export function principalOf(platform: string, identity: string): string {
  return derivedId("p", platform, identity);
}

/** Whether a text has the form of a principal's id. */
export function isPrincipalId(text: string): boolean {
  return /^p_[a-z0-9]{20}$/.test(text);
}

/** The operator's own principal: console chats and the sandbox `my-agent` belong to it. */
export const OPERATOR_PRINCIPAL: string = principalOf("console", "operator");

/** Whether a text may name a sandbox: an RFC 1123 label, as NVIDIA's tools take it. */
export function isSandboxName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}
