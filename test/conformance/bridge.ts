/**
 * The conformance suite of bridges: the same cases on every platform, each with a name. Runs against the strict fakes, or
 * against a server of others (docs/testing.md). Every accepted message must end in exactly one visible final, counted from
 * what people see there.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CARD_CASES } from "./bridge/card-cases.ts";
import { CASES, type Case } from "./bridge/cases.ts";
import { answerTo, ask, eventually, openWorld, type Platform, since, type World } from "./bridge/world.ts";

const ALL = [...CASES, ...CARD_CASES];
/** Cases that run at once. */
const AT_ONCE = 12;

/** Declares the suite for one platform. */
export function bridgeConformance(name: string, open: () => Promise<Platform>): void {
  describe(`bridge conformance: ${name}`, () => {
    let world: World;
    const results = new Map<Case, { error?: unknown; ms: number }>();
    before(async () => {
      world = await openWorld(await open(), ALL.length + 20);
      const queue = ALL.entries();
      const runner = async () => {
        for (const [index, one] of queue) {
          const started = performance.now();
          const error = await one.run(world, world.people[index]!).then(
            () => undefined,
            (error: unknown) => error,
          );
          results.set(one, { error, ms: performance.now() - started });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, runner));
    });
    after(async () => {
      await world?.close();
    });

    for (const one of ALL)
      it(one.name, () => {
        const result = results.get(one);
        assert.ok(result, "it ran");
        if (result.error) throw result.error;
      });

    describe("connection", () => {
      const me = (n: number) => world.people[ALL.length + n]!;
      it("strangers get one notice and no agent", async () => {
        const id = await world.platform.tell(world.stranger, "let me in");
        await eventually("a notice", async () => (await since(world, world.stranger, id)).length > 0);
        await world.platform.tell(world.stranger, "let me in, please");
        await sleep(400);
        assert.ok(!world.worker.texts.some((text) => text.startsWith("let me in")));
        assert.equal((await since(world, world.stranger, id)).length, 1);
      });
      // Both before any trouble with the connection is ordered: that would be measured, too.
      it("/stop is never behind the running turn: its effect is seen within a second", async () => {
        await world.platform.tell(me(5), "slow one");
        await eventually("a preview", async () => (await world.platform.preview(me(5))) !== "");
        const at = Date.now();
        await ask(world, me(5), "/stop", /Stopped/);
        const ms = Date.now() - at;
        assert.ok(ms < 1_000, `${ms} ms`);
      });
      it("a press is answered within a second, also while a turn runs", async () => {
        const card = await ask(world, me(6), "fail interrupted", /restarted/);
        await world.platform.tell(me(6), "slow two");
        await eventually("a preview", async () => (await world.platform.preview(me(6))) !== "");
        const at = Date.now();
        const press = await world.platform.press(me(6), card.id, card.buttons[0]!.data);
        await eventually("a word for the presser", () => world.platform.toast(me(6), press));
        const ms = Date.now() - at;
        assert.ok(ms < 1_000, `${ms} ms`);
      });
      it("breaks and comes back: what was said meanwhile is answered once", async () => {
        await world.platform.cut();
        const id = await world.platform.tell(me(0), "late after the cut");
        await answerTo(world, me(0), id, /THE FINAL of after the cut/);
        await world.platform.cut();
        await ask(world, me(0), "again", /^echo: again$/);
        await sleep(300);
        assert.equal(world.worker.texts.filter((text) => text === "late after the cut").length, 1);
      });
      it("delivers twice: taken once", async () => {
        await world.platform.twice(me(1));
        await ask(world, me(1), "only once please", /only once please/);
        await ask(world, me(1), "next", /next/);
        await sleep(300);
        assert.equal(world.worker.texts.filter((text) => text === "only once please").length, 1);
      });
      it("a person who blocked the bot holds up nobody, and is served again later", async () => {
        await world.platform.tell(me(2), "late blocked");
        await world.platform.refuse(me(2), true);
        await ask(world, me(3), "not blocked", /^echo: not blocked$/);
        await eventually("given up", async () => (world.bridge.counters()["outbox_refused_total"] ?? 0) > 0);
        await world.platform.refuse(me(2), false);
        await ask(world, me(2), "back", /^echo: back$/);
      });
      it("a bridge that is restarted answers what was said while it was away, and repeats nothing", async () => {
        await ask(world, me(4), "before", /^echo: before$/);
        const closing = world.restart();
        const id = await world.platform.tell(me(4), "meanwhile");
        await closing;
        await answerTo(world, me(4), id, /^echo: meanwhile$/);
        await sleep(500);
        const texts = (await world.platform.shown(me(4))).map(({ text }) => text);
        assert.deepEqual(texts, ["echo: before", "echo: meanwhile"]);
      });
      it("no request of the whole run broke a rule: previews, pings, embeds", async () => {
        assert.deepEqual(await world.platform.breaches(), []);
      });
      it(`has at least 120 named cases (${ALL.length + 8} ran)`, () => assert.ok(ALL.length + 8 >= 120));
    });
  });
}
