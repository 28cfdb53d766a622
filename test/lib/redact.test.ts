import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { redact } from "../../src/lib/redact.ts";

// Made-up values in the real shapes; split so that no scanner takes this file for a leak.
const TELEGRAM = `1234567890:${"AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"}x`;
const DISCORD = `${"MTAxMjM0NTY3ODkwMTIzNDU2"}.${"GabcdE"}.${"abcdefghijklmnopqrstuvwxyz012345"}`;
const CASES: [name: string, text: string, secret: string][] = [
  ["a Telegram token", `token ${TELEGRAM} used`, TELEGRAM],
  ["a Telegram token in a URL", `POST https://api.telegram.org/bot${TELEGRAM}/getMe`, TELEGRAM],
  ["a Telegram token in a file URL", `https://api.telegram.org/file/bot${TELEGRAM}/photos/1.jpg`, TELEGRAM],
  ["a Discord token", `Bot ${DISCORD}`, DISCORD],
  ["an OpenAI key", "401 for sk-proj-abcdefghij0123456789ABCDEFGH", "abcdefghij0123456789ABCDEFGH"],
  ["an Anthropic key", "key=sk-ant-api03-abcdefghijklmnop_qrstu-v", "api03-abcdefghijklmnop_qrstu-v"],
  ["an NVIDIA key", "nvapi-abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz"],
  ["a Defapi key", "dk-abcdefghijklmnopqrstuvwx", "abcdefghijklmnopqrstuvwx"],
  ["a Google key", `AIza${"SyA1234567890abcdefghijklmnopqrstuv"}`, "SyA1234567890abcdefghijklmnopqrstuv"],
  ["a bearer header", "Authorization: Bearer abc.def-ghi_jkl", "abc.def-ghi_jkl"],
  ["a lower-case bearer", "authorization: bearer abcdefghijkl", "abcdefghijkl"],
  ["a basic header", "Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="],
  ["a Redis password", "redis://worker:hunter2hunter2@redis.example:6379/0", "hunter2hunter2"],
  ["a TLS Redis password", "rediss://:hunter2hunter2@redis.example", "hunter2hunter2"],
  ["a proxy's password", "http://joe:s3cret-pass@proxy.example:3128", "s3cret-pass"],
  ["a JSON member", '{"apiKey":"abcdef123456","model":"m"}', "abcdef123456"],
  ["an assignment", "api_key = abcdef123456", "abcdef123456"],
  ["a query parameter", "GET /v1?token=abcdef123456&x=1", "abcdef123456"],
  [
    "a private key",
    `-----BEGIN ${"PRIVATE KEY"}-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END ${"PRIVATE KEY"}-----`,
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
  ],
  [
    "a private key that was cut off",
    `-----BEGIN RSA ${"PRIVATE KEY"}-----\nMIIEvQIBADANBgkqhkiG9w`,
    "MIIEvQIBADANBgkqhkiG9w",
  ],
];

describe("redact", () => {
  for (const [name, text, secret] of CASES)
    it(`hides ${name}`, () => {
      const out = redact(text);
      assert.ok(!out.includes(secret), out);
      assert.match(out, /\[[a-z-]+\]/);
    });

  for (const text of [
    "turn t_abcdefghjkmnpqrst012 settled in 1234567 ms",
    "chat 123456789 message 42, retry after 30 s",
    "commit 8f9cb26770b784560bfe17d590783116f87c1cde",
    "https://example.com/a/b?page=2",
    "Basic usage: see the README",
  ])
    it(`leaves alone: ${text.slice(0, 40)}`, () => assert.equal(redact(text), text));

  it("hides several secrets in one text and keeps the rest", () => {
    assert.equal(
      redact(`a=1 Bearer abcdefghijk b=2 ${TELEGRAM} c=3`),
      "a=1 [authorization] b=2 [telegram-token] c=3",
    );
  });
});
