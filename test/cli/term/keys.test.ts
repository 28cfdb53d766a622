/** Each key, as a table; and that no key decides about something that was not read. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Key, press } from "../../../src/cli/term/keys.ts";
import { linesOf } from "../../../src/cli/term/lines.ts";
import { reduce, type State } from "../../../src/cli/term/state.ts";
import { after, busy, card, gateway, launcher, T0, worker } from "./samples.ts";

const NAMES = [
  "up",
  "down",
  "pageup",
  "pagedown",
  "home",
  "end",
  "next",
  "previous",
  "enter",
  "escape",
  "erase",
];
const keyOf = (name: string): Key =>
  NAMES.includes(name) ? ({ kind: name } as Key) : { kind: "text", text: name };
const typed = (state: State, ...keys: string[]) =>
  keys.reduce((at, key) => press(at, keyOf(key)).state, state);
/** Long enough on the screen. */
const read = (state: State): State => reduce(state, { type: "tick", at: state.now + 5_000 });

describe("decisions", () => {
  const id = card().approvalId;
  for (const [key, verb] of [
    ["y", "once"],
    ["n", "deny"],
    ["x", "deny"],
    ["a", "always"],
    ["s", "session"],
  ] as const) {
    it(`${key} is ${verb}, once`, () => {
      const step = press(read(busy()), keyOf(key));
      assert.deepEqual(step.effect, { do: "decide", id, verb });
      assert.equal(press(step.state, keyOf(key)).effect, undefined, "on its way");
    });
  }
  it("a question that came up just now is not answered", () => {
    const step = press(busy(), keyOf("y"));
    assert.equal(step.effect, undefined);
    assert.match(step.state.notice?.text ?? "", /just now/);
    const next = card("d", { createdAt: T0 + 1 });
    const changed = reduce(
      reduce(read(busy()), gateway([{ kind: "approval", at: T0, record: next }])),
      gateway([{ kind: "approval", at: T0, record: card("c", { state: "denied", rev: 2 }) }], 100),
    );
    assert.equal(press(changed, keyOf("y")).effect, undefined, "the one before was answered elsewhere");
    assert.deepEqual(press(read(changed), keyOf("y")).effect, {
      do: "decide",
      id: next.approvalId,
      verb: "once",
    });
  });
  it("a paste, a filter, and keys without a question decide nothing", () => {
    assert.equal(press(read(busy()), keyOf("yy")).effect, undefined);
    assert.equal(press(typed(read(busy()), "/"), keyOf("y")).effect, undefined);
    const none = press(read(after([launcher(), worker([])])), keyOf("a"));
    assert.equal(none.effect, undefined);
    assert.equal(none.state.notice?.text, "nothing is asked");
  });
  it("Always for a risky destination is asked once more; only y means it", () => {
    const risky = read(
      after([gateway([{ kind: "approval", at: T0, record: card("c", { risks: ["paste"] }) }])]),
    );
    const sure = typed(risky, "a");
    assert.equal(sure.confirming, id);
    assert.deepEqual(press(sure, keyOf("y")).effect, { do: "decide", id, verb: "always" });
    for (const key of ["n", "a", "enter", "escape", "yy"]) {
      const step = press(sure, keyOf(key));
      assert.equal(step.effect, undefined, key);
      if (key !== "yy") assert.equal(step.state.confirming, "", key);
    }
    const other = reduce(
      sure,
      gateway([{ kind: "approval", at: T0, record: card("c", { state: "denied", rev: 3 }) }], 60),
    );
    assert.equal(press(read(other), keyOf("y")).effect, undefined, "it was answered elsewhere");
  });
  it("about a command: once and never, for good only where that is offered, no session", () => {
    const asks = (always: boolean) =>
      read(
        after([
          gateway([
            {
              kind: "approval",
              at: T0,
              record: card("c", {
                command: { line: "rm -rf build", cwd: "/home/sandbox/workspace", always },
              }),
            },
          ]),
        ]),
      );
    const verbs = (always: boolean) =>
      ["y", "n", "a", "s"].map((key) => press(asks(always), keyOf(key)).effect?.do ?? "none").join(" ");
    assert.equal(verbs(false), "decide decide none none");
    assert.equal(verbs(true), "decide decide decide none");
  });
  it("are about the chosen card", () => {
    const two = after([
      gateway(
        [card("c"), card("d", { createdAt: T0 + 5 })].map((record) => ({
          kind: "approval" as const,
          at: T0,
          record,
        })),
      ),
    ]);
    const chosen = typed(read(two), "2", "j");
    assert.equal(chosen.question.id, card("d").approvalId);
    assert.deepEqual(press(read(chosen), keyOf("n")).effect, {
      do: "decide",
      id: card("d").approvalId,
      verb: "deny",
    });
  });
});

describe("moving", () => {
  const at = (state: State) => state.chosen.requests;
  const ids = linesOf(busy(), "requests").map(({ id }) => id);
  const cases: [string, string[], string | undefined][] = [
    ["nothing is chosen: the newest is followed", [], undefined],
    ["k goes up", ["k"], ids.at(-2)],
    ["g is the first", ["g"], ids[0]],
    ["home, too", ["home"], ids[0]],
    ["pageup stops at the first", ["pageup"], ids[0]],
    ["k at the first stays", ["g", "k"], ids[0]],
    ["j goes down", ["g", "j"], ids[1]],
    ["G follows again", ["g", "G"], undefined],
    ["so does j at the end", ["k", "j"], undefined],
    ["end and pagedown, too", ["g", "end"], undefined],
    ["unknown keys do nothing", ["z", "9", "0"], undefined],
  ];
  for (const [name, keys, want] of cases) it(name, () => assert.equal(at(typed(busy(), ...keys)), want));

  const panes: [string, string[], State["focus"]][] = [
    ["Tab", ["next"], "files"],
    ["Tab round", ["next", "next", "next"], "sandboxes"],
    ["Shift-Tab", ["previous"], "approvals"],
    ["h", ["h", "h"], "sandboxes"],
    ["l", ["l"], "files"],
    ["a number", ["5"], "inference"],
  ];
  for (const [name, keys, want] of panes)
    it(`${name}: ${want}`, () => assert.equal(typed(busy(), ...keys).focus, want));
});

describe("looking closer", () => {
  it("Enter and Escape, ? and ?", () => {
    assert.equal(typed(busy(), "enter").overlay, "detail");
    assert.equal(typed(busy(), "enter", "enter").overlay, "none");
    assert.equal(typed(busy(), "enter", "escape").overlay, "none");
    assert.equal(typed(busy(), "?").overlay, "help");
    assert.equal(typed(busy(), "?", "?").overlay, "none");
  });
  it("q ends, not while a filter is typed", () => {
    assert.deepEqual(press(busy(), keyOf("q")).effect, { do: "quit" });
    assert.equal(press(typed(busy(), "/"), keyOf("q")).effect, undefined);
  });
  it("a filter is typed, mended, kept and ended, and hides no approval", () => {
    const state = typed(busy(), "/", "169", "x", "erase", "enter");
    assert.equal(state.filter, "169");
    assert.equal(state.typing, false);
    assert.deepEqual(
      linesOf(state, "requests").map(({ id }) => id),
      ["c2"],
    );
    assert.equal(linesOf(state, "files").length, 0);
    assert.equal(linesOf(state, "approvals").length, 1);
    assert.equal(typed(state, "escape").filter, "");
    assert.equal(typed(busy(), "/", "a", "escape").filter, "");
    assert.equal(typed(busy(), "/", "\u001b[2Jü").filter, "[2J", "only what can be printed");
  });
});
