/**
 * Keeps a vendor's key out of the bytes that go to a sandbox, whoever echoes it: as it is, percent-encoded, in hex or
 * in base64 at any alignment. Looks at whole events and whole bodies, so a key can't hide in a seam between chunks.
 * A hit ends the answer; nothing is rewritten.
 */

/** Shorter keys are not searched for: they would hit ordinary text. */
const SHORTEST = 8;

function forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const out = [secret, encodeURIComponent(secret), secret.replaceAll("/", "\\/"), bytes.toString("hex")];
  for (let shift = 0; shift < 3; shift++) {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    // Characters that also depend on neighbouring bytes are cut off at both ends.
    const core = encoded.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
    out.push(core, core.replaceAll("+", "-").replaceAll("/", "_"));
  }
  return [...new Set(out)].filter((form) => form.length >= SHORTEST);
}

const escaped = (text: string): string => text.replace(/[$^\\.*+?()[\]{}|]/g, "\\$&");

/** A test for one secret; text is Latin-1. */
export class SecretGuard {
  readonly #pattern: RegExp | undefined;

  constructor(secret: string | undefined) {
    const parts = secret && secret.length >= SHORTEST ? forms(secret) : [];
    this.#pattern = parts.length > 0 ? new RegExp(parts.map(escaped).join("|")) : undefined;
  }

  /** True when `text` holds the secret in any form. */
  hit(text: string): boolean {
    return this.#pattern?.test(text) ?? false;
  }
}
