/** Streaming under Telegram's real flood limits: a preview that grows for a while must not run into them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

describe("telegram under real limits", () => {
  let s: Setup;
  before(async () => {
    s = await setUp(async (turn, show) => {
      for (let i = 0; i < 80; i++) {
        show(i % 5 === 4 ? "tool" : "text", `${"word ".repeat(i + 1)}`);
        await sleep(100);
      }
      return { kind: "final", markdown: `THE FINAL of ${turn.text}\n\n${"long ".repeat(2_000)}` };
    }, {});
  });
  after(() => s.close());

  it("gets no 429 for two people who watch their answers grow for 8 s", async () => {
    await Promise.all([s.ask(ANN, "a", /THE FINAL of a/, 20_000), s.ask(BOB, "b", /THE FINAL of b/, 20_000)]);
    const refused = s.fake.bot.callsOf().filter((call) => /Too Many/.test(call.outcome));
    assert.deepEqual(
      refused.map((call) => call.method),
      [],
    );
    const edits = s.fake.bot.fromBot(ANN)[0]!.history.length;
    assert.ok(edits >= 6 && edits <= 12, `${edits} versions in 8 s`);
  });
});
