/** Frames and schema: what is let in, what ends the connection. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CONTROL_VERSION, EXEC_WINDOW, MAX_FRAME } from "../../../src/sandbox/guest/protocol.ts";
import { TokenBucket } from "../../../src/worker/control/bucket.ts";
import {
  encodeFrame,
  FrameBuffer,
  MAX_DEPTH,
  ProtocolViolation,
  parseFrame,
} from "../../../src/worker/control/frames.ts";
import * as wireModule from "../../../src/worker/control/wire.ts";

const wire = { ...wireModule };
const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const prefixed = (body: Buffer) => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
};

describe("frames from a guest", () => {
  const event = (inner: unknown) => ({ type: "event", turnId: "t", fence: 1, seq: 1, event: inner });

  for (const [what, value] of [
    ["a pong", { type: "pong", n: 1 }],
    [
      "an ack with a turn",
      { type: "ack", id: 1, ok: true, turn: { turnId: "t", fence: 1, state: "done", lastSeq: 4 } },
    ],
    ["a refusal", { type: "ack", id: 1, ok: false, error: "unknown-turn", message: "" }],
    ["a tool", event({ kind: "tool", phase: "end", id: "1", name: "exec", summary: "", ok: true })],
    ["a field of a later version", { type: "pong", n: 1, later: { than: [1] } }],
    ["brackets inside of a text", event({ kind: "delta", text: `\\"${"[{".repeat(500)}` })],
  ] as const)
    it(`takes ${what}`, () => void parseFrame(bytes(value)));

  for (const [what, value] of [
    ["no JSON", "nope"],
    ["bad UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["an unknown type", { type: "grant", principal: "p_x" }],
    ["an unknown event", event({ kind: "sudo" })],
    ["a negative seq", { ...event({ kind: "started" }), seq: -1 }],
    ["a fence beyond exact integers", { ...event({ kind: "started" }), fence: 2 ** 60 }],
    ["an unknown refusal", { type: "ack", id: 1, ok: false, error: "because", message: "" }],
    [
      "a hello with too many turns",
      {
        type: "hello",
        v: 1,
        sandbox: "p",
        bootId: "b",
        agent: "warm",
        fence: 0,
        turns: Array(2_000).fill({ turnId: "t", fence: 1, state: "done", lastSeq: 1 }),
      },
    ],
    ["deep nesting", `${"[".repeat(MAX_DEPTH + 1)}${"]".repeat(MAX_DEPTH + 1)}`],
    ["very deep nesting", "[".repeat(200_000)],
    ["very many values", `{"type":"pong","n":1,"x":[${"0,".repeat(20_000)}0]}`],
    ["null", "null"],
  ] as const)
    it(`refuses ${what}`, () => {
      const body = Buffer.isBuffer(value) ? value : bytes(value);
      assert.throws(() => parseFrame(body), ProtocolViolation);
    });

  it("cuts what is long but harmless", () => {
    const tool = { kind: "tool", phase: "start", id: "1", name: "n".repeat(500), summary: "s".repeat(5_000) };
    const parsed = parseFrame(bytes(event(tool)));
    assert.ok(parsed.type === "event" && parsed.event.kind === "tool");
    assert.equal(parsed.event.summary.length, 500);
    assert.equal(parsed.event.name.length, 64);
  });

  it("refuses a frame by its announced size", () => {
    const buffer = new FrameBuffer();
    const head = Buffer.alloc(4);
    head.writeUInt32BE(MAX_FRAME + 1);
    buffer.push(head);
    assert.throws(() => buffer.peek(), ProtocolViolation);
  });

  it("never keeps the host from parsing: any bytes are a message or a violation", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((json) => Buffer.from(json)),
        ),
        (body) => {
          try {
            parseFrame(body);
          } catch (error) {
            assert.ok(error instanceof ProtocolViolation);
          }
        },
      ),
    );
  });

  it("cuts the same frames from any chunking", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 20 }),
        (bodies, chunk) => {
          const stream = Buffer.concat(bodies.map((body) => prefixed(Buffer.from(body))));
          const buffer = new FrameBuffer();
          const out: string[] = [];
          for (let i = 0; i < stream.length; i += chunk) {
            buffer.push(stream.subarray(i, i + chunk));
            for (let size = buffer.peek(); size !== undefined; size = buffer.peek())
              out.push(buffer.shift(size).toString("hex"));
          }
          assert.deepEqual(
            out,
            bodies.map((body) => Buffer.from(body).toString("hex")),
          );
          assert.equal(buffer.length, 0);
        },
      ),
    );
  });
});

describe("frames to a guest", () => {
  it("are never larger than a frame may be", () => {
    assert.throws(
      () =>
        encodeFrame({
          type: "file.put",
          id: 1,
          path: "a",
          offset: 0,
          data: "x".repeat(MAX_FRAME),
          last: true,
        }),
      RangeError,
    );
  });
});

describe("wire constants", () => {
  it("are the guest's", () => {
    assert.deepEqual(wire, { CONTROL_VERSION, EXEC_WINDOW, MAX_FRAME });
  });
});

describe("token bucket", () => {
  it("gives the burst at once, then the rate", () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 10 }, 0);
    for (let i = 0; i < 10; i++) {
      assert.equal(bucket.waitFor(1, 0), 0);
      bucket.take(1);
    }
    assert.equal(bucket.waitFor(1, 0), 10);
    assert.equal(bucket.waitFor(1, 10), 0);
  });
  it("lets a cost above the burst pass when full, and makes it pay", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 10 }, 0);
    assert.equal(bucket.waitFor(30, 0), 0);
    bucket.take(30);
    assert.equal(bucket.waitFor(1, 0), 2_100);
  });
});
