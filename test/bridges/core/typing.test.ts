/** "Typing" as long as a turn works, renewed before the platform lets it fade, and never beyond the turn. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { BridgePlatform } from "../../../src/bridges/core/port.ts";
import { TypingSignals } from "../../../src/bridges/core/typing.ts";

function signals(supportsTyping = true) {
  let sent = 0;
  const platform = {
    capabilities: { supportsTyping },
    limits: { typingIntervalMs: 4_000 },
    typing: async () => {
      sent += 1;
      throw new Error("a signal that fails is simply not shown");
    },
  } as unknown as BridgePlatform;
  return { typing: new TypingSignals(platform), sent: () => sent };
}

it("is shown at once, and again before 5 s are over, until the turn ends", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const { typing, sent } = signals();
  typing.heard("t", { chat: "1" });
  assert.equal(sent(), 1);
  for (let seconds = 5; seconds <= 60; seconds += 5) {
    const before = sent();
    t.mock.timers.tick(5_000);
    assert.ok(sent() > before, `nothing in the 5 s before ${seconds} s`);
  }
  typing.stop("t");
  const ended = sent();
  t.mock.timers.tick(60_000);
  assert.equal(sent(), ended);
});

it("ends when nothing was heard of the turn for two minutes, not before", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const { typing, sent } = signals();
  typing.heard("t", { chat: "1" });
  t.mock.timers.tick(100_000);
  typing.heard("t", { chat: "1" });
  const before = sent();
  t.mock.timers.tick(100_000);
  assert.ok(sent() > before, "it was heard of meanwhile");
  t.mock.timers.tick(40_000);
  const ended = sent();
  t.mock.timers.tick(60_000);
  assert.equal(sent(), ended);
});

it("isn't shown where the platform has none", () => {
  const { typing, sent } = signals(false);
  typing.heard("t", { chat: "1" });
  assert.equal(sent(), 0);
});
