/** Approval cards in the terminal: what is printed, and which line decides. Pure tables. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CardEvent } from "../../src/bridges/console/index.ts";
import { agentText, TerminalCards } from "../../src/cli/chat/cards.ts";

const card = (more: Partial<CardEvent> = {}, letter = "b"): CardEvent => {
  const approvalId = `a_${letter.repeat(20)}`;
  const asking = ["o", "s", "a", "d"].map((verb) => ({ label: verb, data: `ap:${approvalId}:${verb}` }));
  return {
    ...{ chat: "main", approvalId, message: "m_1", rev: 1, open: true, confirming: false },
    ...{ target: "api.example.com:443", detail: "GET /x", markdown: "", blocks: [], buttons: asking },
    ...more,
  };
};
const confirming = (rev: number) =>
  card({
    ...{ confirming: true, rev },
    buttons: ["y", "b"].map((verb) => ({ label: verb, data: `ap:a_${"b".repeat(20)}:${verb}` })),
  });

describe("terminal cards", () => {
  it("ask in OpenShell's words", () => {
    assert.equal(
      new TerminalCards().accept(card()),
      "[OpenShell] Agent attempted to reach api.example.com:443\nAllow? [y/n/a]:  # y=allow once, n=deny, a=add permanently\n  s=this session · GET /x\n",
    );
  });
  const lines: [string, string | undefined][] = [
    ["y", "o"],
    ["Y ", "o"],
    ["yes", "o"],
    ["n", "d"],
    ["no", "d"],
    ["a", "a"],
    ["s", "s"],
    ["yes please", undefined],
    ["always", undefined],
    ["", undefined],
    ["constructor", undefined],
  ];
  for (const [line, verb] of lines) {
    it(`${JSON.stringify(line)} is ${verb ? `a decision (${verb})` : "a message"}`, () => {
      const cards = new TerminalCards();
      cards.accept(card());
      assert.equal(cards.read(line)?.data, verb && `ap:a_${"b".repeat(20)}:${verb}`);
    });
  }
  it("take letters for messages while nothing is asked", () => {
    const cards = new TerminalCards();
    assert.equal(cards.read("y"), undefined);
    cards.accept(card());
    const over = cards.accept(
      card({ open: false, rev: 2, markdown: "⛔ Denied: `api.example.com:443` (Ann \\*b\\*)" }),
    );
    assert.equal(over, "[OpenShell] ⛔ Denied: api.example.com:443 (Ann *b*)\n");
    assert.equal(cards.read("y"), undefined);
  });
  it("ask once more, where y means always and n goes back", () => {
    const cards = new TerminalCards();
    cards.accept(card());
    assert.match(cards.accept(confirming(2)), /Add api\.example\.com:443 permanently\?\nSure\? \[y\/n\]/);
    assert.match(cards.read("y")?.data ?? "", /:y$/);
    assert.match(cards.read("n")?.data ?? "", /:b$/);
    assert.equal(cards.read("a"), undefined);
    assert.match(cards.accept(card({ rev: 3 })), /Allow\?/, "back at the question");
  });
  it("print a question once, whatever its counters do, and the next one when it is over", () => {
    const cards = new TerminalCards();
    cards.accept(card());
    assert.equal(cards.accept(card({ rev: 2 })), "");
    assert.equal(cards.accept(card({ target: "second.test:443" }, "c")), "", "one at a time");
    assert.match(cards.read("y")?.data ?? "", /a_b+:o/);
    assert.match(
      cards.accept(card({ open: false, rev: 3, markdown: "Denied" })),
      /^\[OpenShell\] Denied\n\[OpenShell\] Agent attempted to reach second\.test:443/,
    );
    assert.match(cards.read("y")?.data ?? "", /a_c+:o/);
  });
  it("believe no older state", () => {
    const cards = new TerminalCards();
    cards.accept(card({ rev: 5 }));
    assert.equal(cards.accept(card({ rev: 4, open: false, markdown: "x" })), "");
    assert.ok(cards.read("y"));
    cards.forget();
    assert.equal(cards.read("y"), undefined);
  });
});

describe("an agent's words in the terminal", () => {
  const cases: [string, string, string][] = [
    ["pass for no question", "[OpenShell] Agent\n[openshell] x", "(OpenShell) Agent\n(openshell) x"],
    ["steer nothing", "a\u001b[2Jb\u009b1A\u0007\rc", "a[2Jb1A\nc"],
    ["turn no direction", "a\u202eb\u2066c", "abc"],
    ["stay as they are otherwise", "tab\there\nשלום 🙂", "tab\there\nשלום 🙂"],
  ];
  for (const [name, text, want] of cases) it(name, () => assert.equal(agentText(text), want));
});
