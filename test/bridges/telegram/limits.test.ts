/** Streaming under Telegram's real flood limits: a preview that grows for a while must not run into them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../../src/lib/ids.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

describe("telegram under real limits", () => {
  let s: Setup;
  before(async () => {
    s = await setUp(async (turn, show) => {
      for (let i = 0; i < 80; i++) {
        show(i % 5 === 4 ? "tool" : "text", `${"word ".repeat(i + 1)}`);
        await sleep(100);
      }
      const long = turn.text === "c" ? "" : "long ".repeat(2_000);
      return { kind: "final", markdown: `THE FINAL of ${turn.text}\n\n${long}` };
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

  it("shows cards at once while an answer grows in the same chat, and gets no 429 for them either", async () => {
    const bridge = "telegram.7000000001";
    const before = s.fake.bot.callsOf().length;
    const answer = s.ask(BOB, "c", /THE FINAL of c/, 20_000);
    await sleep(3_000);
    for (let i = 1; i <= 2; i++) {
      const asked = Date.now();
      const { approvalId } = s.cards.ask({
        ...{ principal: principalOf("telegram", String(BOB)), conversation: `${bridge}.${BOB}`, bridge },
        deliver: { chat: String(BOB) },
      });
      const card = () =>
        s.fake.bot.fromBot(BOB).find((m) => m.buttons.some(({ data }) => data.includes(approvalId)));
      await until(card, 300, `card ${i}`);
      assert.ok(Date.now() - asked < 300);
      for (let attempts = 2; attempts < 20; attempts++) {
        s.cards.change(approvalId, { attempts, held: attempts });
        await sleep(50);
      }
      s.cards.change(approvalId, { state: "denied" });
      await until(() => card() === undefined, 300, "outcome");
    }
    await answer;
    const calls = s.fake.bot.callsOf().slice(before);
    assert.deepEqual(
      calls.filter((call) => /Too Many/.test(call.outcome)).map((call) => call.method),
      [],
    );
  });
});
