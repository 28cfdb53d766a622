import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SecretGuard } from "../../../src/gateway/inference/secret-guard.ts";
import { EventTap } from "../../../src/gateway/inference/sse.ts";
import { renderAnthropic, renderOpenAI } from "../../fakes/vendor/answers.ts";

const NO_KEY = new SecretGuard(undefined);
const openai = renderOpenAI({ text: 'Grüße ☕ from "here" and usage there' }, "fake-1", 11);
const claude = renderAnthropic({ text: "Grüße ☕ from here" }, "fake-1", 11);

/** Pushes the text in pieces cut at the given places. */
function push(tap: EventTap, text: string, cuts: number[]): { out: string; stop: string | undefined } {
  const bytes = Buffer.from(text);
  const at = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
  const out: Buffer[] = [];
  for (const [i, from] of [0, ...at].entries()) {
    const { forward, stop } = tap.push(bytes.subarray(from, at[i] ?? bytes.length));
    out.push(Buffer.from(forward));
    if (stop) return { out: Buffer.concat(out).toString("utf8"), stop };
  }
  return { out: Buffer.concat(out).toString("utf8"), stop: undefined };
}

const CUTS = fc.array(fc.nat(5_000), { maxLength: 12 });

describe("a stream cut anywhere", () => {
  for (const [name, eol] of [
    ["LF", "\n"],
    ["CRLF", "\r\n"],
  ] as const) {
    test(`is passed on unchanged and counted exactly (${name})`, () => {
      const text = (openai.chunks.join("") + openai.ending.join("")).replaceAll("\n", eol);
      fc.assert(
        fc.property(CUTS, (cuts) => {
          const tap = new EventTap("openai", NO_KEY, true);
          assert.deepEqual(push(tap, text, cuts), { out: text, stop: undefined });
          assert.deepEqual(tap.tokens(0), { input: 11, output: openai.chunks.length, estimated: false });
          assert.ok(tap.done);
        }),
      );
    });

    test(`loses only the usage event that the caller didn't ask for (${name})`, () => {
      const text = (openai.chunks.join("") + openai.ending.join("")).replaceAll("\n", eol);
      const expected = (openai.chunks.join("") + openai.ending[0] + openai.ending[2]).replaceAll("\n", eol);
      fc.assert(
        fc.property(CUTS, (cuts) => {
          const tap = new EventTap("openai", NO_KEY, false);
          assert.equal(push(tap, text, cuts).out, expected);
          assert.equal(tap.tokens(0).output, openai.chunks.length);
        }),
      );
    });
  }

  test("anthropic's events", () => {
    const text = claude.chunks.join("") + claude.ending.join("");
    fc.assert(
      fc.property(CUTS, (cuts) => {
        const tap = new EventTap("anthropic", NO_KEY, true);
        assert.equal(push(tap, text, cuts).out, text);
        assert.deepEqual(tap.tokens(0), { input: 18, output: claude.chunks.length, estimated: false });
      }),
    );
  });

  test("only whole events ever come out", () => {
    const text = openai.chunks.join("");
    fc.assert(
      fc.property(fc.nat(5_000), (cut) => {
        const tap = new EventTap("openai", NO_KEY, true);
        const { forward } = tap.push(Buffer.from(text).subarray(0, cut % text.length));
        assert.ok(forward.length === 0 || forward.toString("utf8").endsWith("\n\n"));
      }),
    );
  });

  test("the key stops it, wherever the chunks are cut, and no byte of that event gets out", () => {
    const key = "sk-canary-0123456789abcdef";
    const leak = renderOpenAI({ text: `one two ${key} three` }, "fake-1", 1).chunks.join("");
    fc.assert(
      fc.property(CUTS, (cuts) => {
        const { out, stop } = push(new EventTap("openai", new SecretGuard(key), true), leak, cuts);
        assert.equal(stop, "answer_blocked");
        assert.ok(!out.includes("sk-can"));
      }),
    );
  });
});

describe("events that end a stream", () => {
  const cases: [string, string, string][] = [
    ["openai error", 'data: {"error":{"message":"node-9"}}\n\n', "openai"],
    ["spaced error", 'data: { "error" : {"message":"node-9"}}\n\n', "openai"],
    ["anthropic error", 'event: error\ndata: {"type":"error","error":{"message":"node-9"}}\n\n', "anthropic"],
    ["broken usage", 'data: {"usage": oops node-9\n\n', "openai"],
  ];
  for (const [name, event, dialect] of cases) {
    test(name, () => {
      const tap = new EventTap(dialect as "openai", NO_KEY, true);
      const first = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
      const { forward, stop } = tap.push(Buffer.from(first + event));
      assert.equal(stop, "vendor_failed");
      assert.equal(forward.toString(), first);
    });
  }
  test("the word error in a text does not", () => {
    const tap = new EventTap("openai", NO_KEY, true);
    const event = `data: ${JSON.stringify({ choices: [{ delta: { content: 'say "error": {"usage": {' } }] })}\n\n`;
    assert.equal(tap.push(Buffer.from(event)).stop, undefined);
  });
  test("an event without end does", () => {
    const tap = new EventTap("openai", NO_KEY, true);
    let stop: string | undefined;
    for (let i = 0; i < 80 && !stop; i++) stop = tap.push(Buffer.alloc(64 * 1024, 97)).stop;
    assert.equal(stop, "vendor_failed");
  });
});

test("what was streamed before a break is estimated, from events or from bytes", () => {
  const small = new EventTap("openai", NO_KEY, true);
  for (let i = 0; i < 30; i++) small.push(Buffer.from('data: {"choices":[{"delta":{"content":"ab"}}]}\n\n'));
  assert.deepEqual(small.tokens(7), { input: 7, output: 30, estimated: true });
  const large = new EventTap("openai", NO_KEY, true);
  large.push(Buffer.from('data: {"choices":[{"delta":{"content":""}}]}\n\n'));
  large.push(Buffer.from(`data: {"choices":[{"delta":{"content":"${"x".repeat(4_000)}"}}]}\n\n`));
  assert.equal(large.tokens(7).output, 1_000);
});
