/**
 * The scrubber: every spelling of a secret, at every place, split everywhere, is covered; nothing else is touched, and no
 * byte is held back for nothing.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compileSecret, Scrubber } from "../../../src/gateway/credentials/scrubber.ts";

/** Scrubs in pieces that end at `cuts`. */
function scrub(secret: string, bytes: Buffer, cuts: readonly number[]): Buffer {
  const scrubber = new Scrubber(compileSecret(secret));
  const out: Buffer[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    // A copy: the scrubber writes into what it is given.
    out.push(Buffer.from(scrubber.push(Buffer.from(bytes.subarray(from, to)))));
    from = to;
  }
  out.push(scrubber.end());
  return Buffer.concat(out);
}

const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");
const escaped = (text: string, how: (code: string) => string) =>
  [...text].map((char) => how(char.charCodeAt(0).toString(16).padStart(2, "0"))).join("");

/** How servers write what they were sent. */
const SPELLINGS: Record<string, (secret: string) => string> = {
  plain: (secret) => secret,
  json: (secret) => JSON.stringify(secret).slice(1, -1),
  "json with slashes": (secret) => JSON.stringify(secret).slice(1, -1).replaceAll("/", "\\/"),
  "json, all escaped": (secret) => escaped(secret, (code) => `\\u00${code}`),
  component: (secret) => encodeURIComponent(secret),
  form: (secret) => new URLSearchParams([["", secret]]).toString().slice(1),
  "percent, all": (secret) => escaped(secret, (code) => `%${code.toUpperCase()}`),
  "percent, lower": (secret) => escaped(secret, (code) => `%${code}`),
  hex: (secret) => Buffer.from(secret, "latin1").toString("hex"),
  HEX: (secret) => Buffer.from(secret, "latin1").toString("hex").toUpperCase(),
};

const visible = fc
  .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 8, maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes));

describe("the scrubber", () => {
  const secret = 's3cr3t/+k=y&"\\~x-9';
  for (const [name, spell] of Object.entries(SPELLINGS)) {
    it(`covers a secret written as ${name}, split at every offset`, () => {
      const written = spell(secret);
      const text = Buffer.from(`before ${written} after`, "latin1");
      const want = `before ${"*".repeat(written.length)} after`;
      for (let cut = 0; cut <= text.length; cut++)
        assert.equal(scrub(secret, text, [cut]).toString("latin1"), want, `cut at ${cut}`);
      // Byte by byte.
      assert.equal(scrub(secret, text, [...text.keys()]).toString("latin1"), want);
    });
  }

  it("covers base64 at every alignment, split at every offset, also broken over lines", () => {
    const long = "correct-horse-battery-staple-0123456789-abcdefghijklmnopqrstuvwxyz";
    for (const before of ["", "u", "u:", "user:"]) {
      for (const spell of [
        base64,
        (text: string) => base64(text).replaceAll("+", "-").replaceAll("/", "_"),
        (text: string) => base64(text).replace(/.{16}/g, "$&\r\n"),
        (text: string) => encodeURIComponent(base64(text)),
      ]) {
        const bytes = Buffer.from(`x ${spell(`${before}${long}:z`)} y`);
        for (let cut = 0; cut <= bytes.length; cut++) {
          const out = scrub(long, bytes, [cut]).toString();
          assert.equal(out.length, bytes.length);
          const decoded = Buffer.from(
            decodeURIComponent(out.slice(2, -2)).replace(/[\r\n]/g, ""),
            "base64url",
          ).toString("latin1");
          for (let i = 0; i + 4 <= long.length; i++)
            assert.ok(!decoded.includes(long.slice(i, i + 4)), `${before} cut ${cut}: ${out}`);
        }
      }
    }
  });

  it("any secret in any company, in any pieces, is gone; lengths stay", () => {
    fc.assert(
      fc.property(
        visible,
        fc.constantFrom(...Object.values(SPELLINGS)),
        fc.uint8Array({ maxLength: 60 }),
        fc.uint8Array({ maxLength: 60 }),
        fc.array(fc.nat(400), { maxLength: 8 }),
        (word, spell, before, after, at) => {
          const written = spell(word);
          const bytes = Buffer.concat([before, Buffer.from(written, "latin1"), after]);
          const cuts = at.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b);
          const out = scrub(word, bytes, cuts);
          assert.equal(out.length, bytes.length);
          assert.ok(!out.toString("latin1").includes(written));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("pieces of the secret repeated before it, and secrets with a period, are covered too", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[ab]{8,14}$/),
        fc.stringMatching(/^[ab]{0,20}$/),
        fc.stringMatching(/^[ab]{0,20}$/),
        fc.nat(60),
        (word, before, after, cut) => {
          const bytes = Buffer.from(before + word + after);
          const out = scrub(word, bytes, [Math.min(cut, bytes.length)]).toString();
          assert.ok(!out.includes(word));
          // Every occurrence, overlapping ones too, is covered whole.
          const text = bytes.toString();
          for (let i = text.indexOf(word); i >= 0; i = text.indexOf(word, i + 1))
            assert.equal(out.slice(i, i + word.length), "*".repeat(word.length));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("leaves everything else as it was", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat(500), { maxLength: 5 }), (given, at) => {
        const bytes = Buffer.from(given);
        const cuts = at.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b);
        assert.deepEqual(scrub("0123456789-no-such-secret", bytes, cuts), bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  it("holds back only what may still become the secret", () => {
    const scrubber = new Scrubber(compileSecret("token-abcdefgh"));
    assert.equal(scrubber.push(Buffer.from("data: hello\n\n")).toString(), "data: hello\n\n");
    assert.equal(scrubber.push(Buffer.from("data: token-ab")).toString(), "data: ");
    assert.equal(scrubber.push(Buffer.from("c")).toString(), "");
    assert.equal(scrubber.push(Buffer.from("X\n\n")).toString(), "token-abcX\n\n");
    assert.equal(scrubber.end().length, 0);
  });
});
