/** The plain lines: each thing once, one question at a time, answers by letters. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Printer } from "../../../src/cli/term/printer.ts";
import { asked, card, files, gateway, launcher, request, T0, tool, worker } from "./samples.ts";

const cards = (...records: ReturnType<typeof card>[]) =>
  gateway(records.map((record) => ({ kind: "approval" as const, at: T0, record })));

/** Long after every question. */
const LATER = T0 + 3_600_000;

describe("plain lines", () => {
  it("take nothing for an answer that was typed before the question could be read", () => {
    const printer = new Printer(T0);
    printer.after(cards(card("c")));
    const soon = printer.answer("y", T0 + 10_100);
    assert.equal(soon.decide, undefined);
    assert.match(soon.lines[0] ?? "", /^Too soon/);
    assert.equal(printer.answer("y", T0 + 10_500).decide?.verb, "once");
  });
  it("ask once more before a risky destination is allowed for good", () => {
    const printer = new Printer(T0);
    printer.after(cards(card("c", { risks: ["paste"] })));
    const first = printer.answer("a", LATER);
    assert.deepEqual([first.decide, first.lines], [undefined, ["For good? [y/n]:  look twice: paste"]]);
    assert.equal(printer.answer("n", LATER).decide, undefined, "back at the question");
    printer.answer("a", LATER);
    assert.equal(printer.answer("y", LATER).decide?.verb, "always");
  });
  it("tell each thing once, and again when it is decided or over", () => {
    const printer = new Printer(T0);
    assert.deepEqual(printer.after(launcher()), []);
    const lines = [
      ...printer.after(gateway([asked(1)])),
      ...printer.after(gateway([request(2, { id: "c1", verdict: "deny", reason: "approval_denied" })])),
      ...printer.after(gateway([])),
      ...printer.after(
        worker([tool(3), tool(4, { phase: "end", ok: true }), files(5, [["write", "a\u001b[2J"]])]),
      ),
    ];
    assert.deepEqual(lines, [
      "12:00:01  my-agent  ask     api.example.com:443  waiting · curl",
      "12:00:01  my-agent  deny    api.example.com:443  approval_denied",
      "12:00:03  my-agent  read    notes/todo.md  done",
      "12:00:05  my-agent  write   ~/a\\u{1b}[2J  watched",
    ]);
  });
  it("ask in the guide's words, one question after the other", () => {
    const printer = new Printer(T0);
    const first = printer.after(cards(card("c"), card("d", { createdAt: T0 + 1 })));
    assert.equal(first[1], "[OpenShell] Agent attempted to reach api.example.com:443");
    assert.match(first.at(-1) ?? "", /^Allow\? \[y\/n\/a\]: {2}# y=allow once, n=deny, a=add permanently/);
    assert.deepEqual(printer.after(cards(card("c", { rev: 2, held: 3 }))), [], "a counter is no news");
    const { decide, lines } = printer.answer("Y", LATER);
    assert.deepEqual(decide, { do: "decide", id: card("c").approvalId, verb: "once" });
    assert.equal(lines[1], "[OpenShell] Agent attempted to reach api.example.com:443", "the next one");
    assert.equal(
      printer.answer("y", LATER + 100).decide,
      undefined,
      "typed before the next one could be read",
    );
    assert.deepEqual(
      printer.answer("always", LATER + 500).lines,
      [first.at(-1)],
      "not understood: said again",
    );
    assert.equal(printer.answer("", LATER + 500).decide, undefined, "later");
    assert.deepEqual(printer.answer("y", LATER + 500), { lines: ["Nothing is asked."] });
    assert.deepEqual(printer.answer("", LATER + 500), { lines: [] });
  });
  it("tell what became of an answer, and of a process that is away", () => {
    const printer = new Printer(T0);
    const down = { type: "down", source: "worker", why: "away\u0007", at: T0 } as const;
    assert.deepEqual(printer.after({ type: "decided", id: "a", text: "✓ denied", won: true, at: T0 }), [
      "✓ denied",
    ]);
    assert.deepEqual(printer.after(down), ["! worker: away\\u{7}"]);
    assert.deepEqual(printer.after(down), []);
    assert.deepEqual(printer.after(worker([])), ["worker is back"]);
  });
});
