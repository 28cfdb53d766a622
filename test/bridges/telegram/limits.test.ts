/** Streaming under Telegram's real flood limits: a preview that grows for a while must not run into them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../../src/lib/ids.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

const BRIDGE = "telegram.7000000001";

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
    const drafts = s.fake.bot.draftsOf(ANN);
    const seconds = (drafts.at(-1)!.at - drafts[0]!.at) / 1_000;
    const most = Math.ceil(seconds) + 2;
    assert.ok(drafts.length >= 4 && drafts.length <= most, `${drafts.length} drafts in ${seconds} s`);
  });

  it("shows cards at once while an answer grows in the same chat, and gets no 429 for them either", async () => {
    const before = s.fake.bot.callsOf().length;
    /** Milliseconds until a card and until its outcome are visible. */
    const timed = async (user: number, growing: boolean): Promise<number[]> => {
      const asked = performance.now();
      const { approvalId } = s.cards.ask({
        ...{ principal: principalOf("telegram", String(user)), conversation: `${BRIDGE}.${user}` },
        ...{ bridge: BRIDGE, deliver: { chat: String(user) } },
      });
      const card = () =>
        s.fake.bot.fromBot(user).find((m) => m.buttons.some(({ data }) => data.includes(approvalId)));
      await until(card, 10_000, "card");
      const shown = performance.now();
      for (let attempts = 2; growing && attempts < 20; attempts++) {
        s.cards.change(approvalId, { attempts, held: attempts });
        await sleep(50);
      }
      const decided = performance.now();
      s.cards.change(approvalId, { state: "denied" });
      await until(() => card() === undefined, 10_000, "outcome");
      return [shown - asked, performance.now() - decided];
    };
    // What a card takes where nothing else is under way, on this machine and now.
    const quiet = (await timed(ANN, true)).concat(await timed(ANN, true));
    const answer = s.ask(BOB, "c", /THE FINAL of c/, 20_000);
    await until(() => s.fake.bot.draft(BOB), 10_000, "draft");
    const busy = (await timed(BOB, true)).concat(await timed(BOB, true));
    // A preview's pace is a second: who waited for one would be far above this.
    const most = Math.max(300, 3 * Math.max(...quiet));
    assert.ok(Math.max(...busy) < most, JSON.stringify({ quiet, busy }));
    await answer;
    const calls = s.fake.bot.callsOf().slice(before);
    assert.deepEqual(
      calls.filter((call) => /Too Many/.test(call.outcome)).map((call) => call.method),
      [],
    );
  });
});
