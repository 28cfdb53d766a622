/** The journal stays bounded, keeps its numbers, and whatever a reader has seen, it ends with the same text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fit, Journal, TEXT_PIECE, tail } from "../../../src/sandbox/guest/journal.ts";
import type { TurnEvent } from "../../../src/sandbox/guest/protocol.ts";

/** Reads everything after `seq`, as the host link does. */
function readAll(journal: Journal, seq: number): { seq: number; event: TurnEvent }[] {
  const out = [];
  for (let entry = journal.next(seq); entry; entry = journal.next(entry.seq)) out.push(entry);
  return out;
}

const shown = (text: string, event: TurnEvent) =>
  event.kind === "delta" ? text + event.text : event.kind === "text" ? event.text : text;

test("events keep their order and number; stored ones are forgotten", () => {
  const journal = new Journal();
  journal.add({ kind: "started" });
  journal.add({ kind: "delta", text: "a" });
  journal.add({ kind: "final", text: "a" });
  assert.deepEqual(
    readAll(journal, 0).map((e) => e.seq),
    [1, 2, 3],
  );
  journal.received(2);
  assert.deepEqual(
    readAll(journal, 0).map((e) => e.event.kind),
    ["final"],
  );
  journal.received(3);
  assert.equal(journal.bytes, 0);
  journal.add({ kind: "cancelled" });
  assert.equal(journal.lastSeq, 4);
});

test("a megabyte of deltas and tool output stays below the limit; starts, ends and the outcome survive", () => {
  const journal = new Journal(20_000);
  journal.add({ kind: "started" });
  journal.add({ kind: "tool", phase: "start", id: "1", name: "exec", summary: "make" });
  for (let i = 0; i < 10_000; i++) {
    journal.add({ kind: "delta", text: `word ${i} ` });
    journal.add({ kind: "tool", phase: "update", id: "1", name: "exec", summary: `line ${i}` });
    assert.ok(journal.bytes <= 20_000 + 3 * TEXT_PIECE);
  }
  journal.add({ kind: "tool", phase: "end", id: "1", name: "exec", summary: "make", ok: true });
  journal.add({ kind: "final", text: "done" });
  const kinds = readAll(journal, 0).map(({ event }) => (event.kind === "tool" ? event.phase : event.kind));
  assert.deepEqual([kinds[0], kinds[1], kinds.at(-2), kinds.at(-1)], ["started", "start", "end", "final"]);
});

test("a reader that was cut off anywhere ends with the whole text", () => {
  const word = fc.record({ replace: fc.boolean(), text: fc.string({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 80 }), fc.nat(80), fc.nat(80), (words, cut, ack) => {
      const journal = new Journal(600);
      let expected = "";
      let seen = "";
      let seq = 0;
      for (const [i, { replace, text }] of words.entries()) {
        journal.add(replace ? { kind: "text", text } : { kind: "delta", text });
        expected = replace ? text : expected + text;
        if (i <= cut)
          for (const entry of readAll(journal, seq)) [seen, seq] = [shown(seen, entry.event), entry.seq];
        if (i <= cut && i === ack) journal.received(seq);
      }
      for (const entry of readAll(journal, seq)) seen = shown(seen, entry.event);
      assert.equal(seen, expected);
      assert.equal(journal.text, expected);
    }),
    { numRuns: 300 },
  );
});

test("long texts are cut at whole characters", () => {
  const long = "😀".repeat(TEXT_PIECE);
  assert.ok(!/[\ud800-\udfff]/.test(tail(`x${long}`).replace(/[\ud800-\udbff][\udc00-\udfff]/g, "")));
  assert.equal(fit("short", 1_000), "short");
  const cut = fit("\u0001".repeat(100_000), 10_000);
  assert.ok(Buffer.byteLength(JSON.stringify(cut)) <= 10_000);
  assert.match(cut, /longer than can be passed on/);
});
