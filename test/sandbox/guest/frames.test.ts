/** Frames arrive whole however the bytes are cut, and a peer can't make the reader hold more than one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame, frameReader } from "../../../src/sandbox/guest/frames.ts";
import { MAX_FRAME } from "../../../src/sandbox/guest/protocol.ts";

test("any cut of the bytes gives the same frames", () => {
  const values = [{ a: 1 }, { text: "ä€😀".repeat(100) }, {}, { n: [1, 2, 3] }];
  const bytes = Buffer.concat(values.map(encodeFrame));
  for (const step of [1, 2, 3, 5, 7, 100, 1_000, bytes.length]) {
    const seen: unknown[] = [];
    const read = frameReader((value) => seen.push(value));
    for (let at = 0; at < bytes.length; at += step) read(bytes.subarray(at, at + step));
    assert.deepEqual(seen, values, `step ${step}`);
  }
});

test("too large, cut-off and broken frames are refused", () => {
  assert.throws(() => encodeFrame({ text: "x".repeat(MAX_FRAME) }), /frame of/);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(MAX_FRAME + 1);
  assert.throws(() => frameReader(() => undefined)(head), /announced/);
  const broken = Buffer.from("\0\0\0\x03{x}", "latin1");
  assert.throws(() => frameReader(() => undefined)(broken), SyntaxError);
});
