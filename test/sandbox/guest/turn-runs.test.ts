/** The runs of a turn become one answer: tables of what OpenClaw 2026.9.6 was seen to say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TurnEvent } from "../../../src/sandbox/guest/protocol.ts";
import { TurnRuns } from "../../../src/sandbox/guest/turn-runs.ts";

const final = (text: string) => ({
  state: "final",
  message: { content: text === "" ? [] : [{ type: "text", text }] },
});
const error = (message: string) => ({ state: "error", errorMessage: message });
const aborted = { state: "aborted" };

type Said = [run: string, payload: object];
const CASES: [name: string, runs: string[], said: Said[], outcome: unknown][] = [
  ["nothing yet", ["a"], [], undefined],
  ["alone", ["a"], [["a", final("A")]], { kind: "final", text: "A" }],
  [
    "taken in",
    ["a", "b"],
    [
      ["b", final("")],
      ["a", final("A and B")],
    ],
    { kind: "final", text: "A and B" },
  ],
  [
    "taken in, told late",
    ["a", "b"],
    [
      ["a", final("A\n\nB")],
      ["b", final("")],
    ],
    { kind: "final", text: "A\n\nB" },
  ],
  ["one still open", ["a", "b"], [["a", final("A")]], undefined],
  [
    "answered by itself",
    ["a", "b"],
    [
      ["a", final("A")],
      ["b", final("B")],
    ],
    { kind: "final", text: "A\n\nB" },
  ],
  [
    "a failure of all",
    ["a", "b"],
    [
      ["b", final("")],
      ["a", error("no")],
    ],
    { kind: "error", message: "no", retryable: true },
  ],
  [
    "a later failure costs no answer",
    ["a", "b"],
    [
      ["a", final("A")],
      ["b", error("no")],
    ],
    { kind: "final", text: "A\n\n[One of the messages was not answered: no]" },
  ],
  [
    "aborted",
    ["a", "b"],
    [
      ["b", final("")],
      ["a", aborted],
    ],
    { kind: "aborted" },
  ],
  [
    "the first word counts",
    ["a"],
    [
      ["a", final("A")],
      ["a", error("no")],
    ],
    { kind: "final", text: "A" },
  ],
  ["of strangers nothing", ["a"], [["x", final("X")]], undefined],
];

describe("runs of a turn", () => {
  for (const [name, ids, said, outcome] of CASES)
    it(name, () => {
      const runs = new TurnRuns(() => {});
      for (const id of ids) runs.add(id);
      for (const [id, payload] of said) runs.event(id, "chat", payload as Record<string, unknown>);
      assert.deepEqual(runs.outcome, outcome);
    });

  it("one that was refused isn't waited for", () => {
    const runs = new TurnRuns(() => {});
    runs.add("a");
    runs.add("b");
    runs.event("a", "chat", final("A"));
    assert.equal(runs.outcome, undefined);
    runs.drop("b");
    assert.deepEqual(runs.outcome, { kind: "final", text: "A" });
  });

  it("what a later run writes is shown below the earlier answer", () => {
    const shown: TurnEvent[] = [];
    const runs = new TurnRuns((event) => shown.push(event));
    runs.add("a");
    runs.add("b");
    const says = (run: string, text: string, delta: string) =>
      runs.event(run, "agent", { stream: "assistant", data: { text, delta, itemId: `${run}:1` } });
    says("a", "one", "one");
    runs.event("a", "chat", final("one"));
    says("b", "two", "two");
    says("b", "two three", " three");
    runs.end();
    assert.deepEqual(shown, [
      { kind: "delta", text: "one" },
      { kind: "text", text: "one\n\ntwo" },
      { kind: "delta", text: " three" },
    ]);
  });
});
