/** The life of a turn as a table: every phase × event, and the rules of RELIABILITY §2–3 as walks through it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type Effect,
  type Machine,
  newMachine,
  type Phase,
  step,
  type TurnInput,
} from "../../src/worker/turn-machine.ts";

/** One of each event. */
const INPUTS: TurnInput[] = [
  { type: "begin", state: "accepted", mayStart: true },
  { type: "located", sameLife: true },
  { type: "located", sameLife: false },
  { type: "acquired" },
  { type: "not-acquired", code: "agent-start-failed" },
  { type: "dispatched", mayStart: true },
  { type: "run-acked" },
  { type: "refused", code: "agent-failed" },
  { type: "attached" },
  { type: "unknown-turn" },
  { type: "up" },
  { type: "final", text: "done" },
  { type: "agent-failed", code: "agent-crashed" },
  { type: "agent-cancelled" },
  { type: "gone", code: "out-of-memory" },
  { type: "cancel" },
  { type: "time-limit" },
  { type: "kill-due" },
  { type: "lease-lost" },
  { type: "settled" },
];

const show = (effect: Effect): string => {
  if (effect.do !== "settle") return effect.do;
  const { ending } = effect;
  return `settle ${ending.outcome}${ending.outcome === "failed" ? ` ${ending.code}` : ""}`;
};
const name = (input: TurnInput): string =>
  input.type === "located" ? (input.sameLife ? "located-same" : "located-other") : input.type;

/** phase → event → "next phase: effects". What isn't listed changes nothing. */
const TABLE: Record<Phase, Record<string, string>> = {
  claimed: { begin: "acquiring: acquire" },
  locating: {
    "located-same": "attaching: send-attach",
    "located-other": "settling: settle interrupted",
    cancel: "locating:",
  },
  acquiring: {
    acquired: "dispatching: store-dispatching",
    "not-acquired": "settling: settle failed agent-start-failed",
    cancel: "settling: settle cancelled",
  },
  dispatching: {
    dispatched: "starting: send-run",
    gone: "settling: settle failed out-of-memory",
    cancel: "dispatching:",
  },
  starting: {
    "run-acked": "running: store-running",
    refused: "settling: settle failed agent-failed",
    up: "starting: send-run",
    final: "settling: settle answered",
    "agent-failed": "settling: settle failed agent-crashed",
    "agent-cancelled": "settling: settle cancelled",
    gone: "settling: settle failed out-of-memory",
    cancel: "stopping: send-cancel",
    "time-limit": "stopping: send-cancel",
  },
  attaching: {
    attached: "running: store-running",
    "unknown-turn": "acquiring: acquire",
    refused: "settling: settle failed agent-failed",
    up: "attaching: send-attach",
    final: "settling: settle answered",
    "agent-failed": "settling: settle failed agent-crashed",
    "agent-cancelled": "settling: settle cancelled",
    gone: "settling: settle failed out-of-memory",
    cancel: "stopping: send-cancel",
    "time-limit": "stopping: send-cancel",
  },
  running: {
    "unknown-turn": "settling: settle failed agent-crashed",
    refused: "settling: settle failed agent-failed",
    up: "running: send-attach",
    final: "settling: settle answered",
    "agent-failed": "settling: settle failed agent-crashed",
    "agent-cancelled": "settling: settle cancelled",
    gone: "settling: settle failed out-of-memory",
    cancel: "stopping: send-cancel",
    "time-limit": "stopping: send-cancel",
  },
  stopping: {
    "unknown-turn": "settling: settle cancelled",
    up: "stopping: send-cancel",
    final: "settling: settle cancelled",
    "agent-failed": "settling: settle cancelled",
    "agent-cancelled": "settling: settle cancelled",
    gone: "settling: settle cancelled",
    "kill-due": "settling: kill-agent, settle cancelled",
  },
  settling: { settled: "ended: forget" },
  ended: {},
};

describe("turn machine", () => {
  for (const phase of Object.keys(TABLE) as Phase[])
    for (const input of INPUTS) {
      const stays = `${phase}:`;
      const lost = input.type === "lease-lost" && phase !== "ended" ? "ended: detach" : undefined;
      const expected = lost ?? TABLE[phase][name(input)] ?? stays;
      it(`${phase} × ${name(input)} → ${expected}`, () => {
        const stop = phase === "stopping" ? { stop: "user" as const } : {};
        const { machine, effects } = step({ ...newMachine(), phase, ...stop }, input);
        assert.equal(`${machine.phase}: ${effects.map(show).join(", ")}`.trim(), expected);
      });
    }

  /** Effects of a walk, in order. */
  const walk = (...inputs: TurnInput[]): string[] => {
    let machine: Machine = newMachine();
    return inputs.flatMap((input) => {
      const next = step(machine, input);
      machine = next.machine;
      return next.effects.map(show);
    });
  };
  const begin = (state: "accepted" | "dispatching" | "running", mayStart = true): TurnInput => ({
    type: "begin",
    state,
    mayStart,
  });

  it("a new turn: stored before it is sent, acknowledged before it is stored as running", () => {
    assert.deepEqual(
      walk(
        begin("accepted"),
        { type: "acquired" },
        { type: "dispatched", mayStart: true },
        { type: "run-acked" },
        { type: "final", text: "" },
        { type: "settled" },
      ),
      ["acquire", "store-dispatching", "send-run", "store-running", "settle answered", "forget"],
    );
  });
  it("recovered, another life: interrupted, never run again", () => {
    for (const state of ["dispatching", "running"] as const)
      assert.deepEqual(walk(begin(state), { type: "located", sameLife: false }), [
        "locate",
        "settle interrupted",
      ]);
  });
  it("recovered, same life, never acknowledged and unknown: it may start", () => {
    assert.deepEqual(
      walk(begin("dispatching"), { type: "located", sameLife: true }, { type: "unknown-turn" }),
      ["locate", "send-attach", "acquire"],
    );
  });
  it("… but not a third time", () => {
    assert.deepEqual(
      walk(begin("dispatching", false), { type: "located", sameLife: true }, { type: "unknown-turn" }),
      ["locate", "send-attach", "settle failed poison"],
    );
    assert.deepEqual(walk(begin("accepted", false)), ["settle failed poison"]);
  });
  it("recovered, same life, acknowledged yet unknown: interrupted, never run again", () => {
    assert.deepEqual(walk(begin("running"), { type: "located", sameLife: true }, { type: "unknown-turn" }), [
      "locate",
      "send-attach",
      "settle interrupted",
    ]);
  });
  it("cancelled before it was sent: it never is", () => {
    assert.deepEqual(
      walk(
        begin("accepted"),
        { type: "acquired" },
        { type: "cancel" },
        { type: "dispatched", mayStart: true },
      ),
      ["acquire", "store-dispatching", "settle cancelled"],
    );
  });
  it("cancelled while recovered: the cancel is sent after the attach", () => {
    assert.deepEqual(
      walk(begin("running"), { type: "cancel" }, { type: "located", sameLife: true }, { type: "attached" }),
      ["locate", "send-attach", "send-cancel"],
    );
  });
  it("the time limit is a failure, not a cancel", () => {
    assert.deepEqual(
      walk(
        begin("accepted"),
        { type: "acquired" },
        { type: "dispatched", mayStart: true },
        { type: "run-acked" },
        { type: "time-limit" },
        { type: "kill-due" },
      ),
      [
        "acquire",
        "store-dispatching",
        "send-run",
        "store-running",
        "send-cancel",
        "kill-agent",
        "settle failed time-limit",
      ],
    );
  });

  it("whatever happens: settled at most once, sent only after it was stored, silent after the lease is lost", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(begin("accepted"), begin("dispatching"), begin("running"), begin("accepted", false)),
        fc.array(fc.constantFrom(...INPUTS.slice(1)), { maxLength: 30 }),
        (first, rest) => {
          let machine = newMachine();
          const done: string[] = [];
          for (const input of [first, ...rest]) {
            const next = step(machine, input);
            if (machine.phase === "ended") assert.deepEqual(next.effects, []);
            machine = next.machine;
            done.push(...next.effects.map((effect) => effect.do));
          }
          assert.ok(done.filter((effect) => effect === "settle").length <= 1);
          assert.ok(done.filter((effect) => effect === "detach" || effect === "forget").length <= 1);
          const sent = done.indexOf("send-run");
          if (sent >= 0)
            assert.ok(done.indexOf("store-dispatching") >= 0 && done.indexOf("store-dispatching") < sent);
          if (first.type === "begin" && first.state === "running") assert.equal(sent, -1);
        },
      ),
    );
  });
});
