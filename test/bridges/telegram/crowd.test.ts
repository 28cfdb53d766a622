/**
 * Many people at once, over a real Redis: every message is answered once, in its conversation's order, and one person who
 * floods ten topics holds up nobody else. The worker here is a load generator: each turn takes 200 ms, nothing is thought.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../../src/lib/ids.ts";
import { until } from "../tiny-worker.ts";
import { type Setup, setUp } from "./setup.ts";

const PEOPLE = Array.from({ length: 50 }, (_, i) => 5_000 + i);
const MESSAGES = 10;
const FLOODER = 9_999;
const FORUM = -1_777;
const TOPICS = Array.from({ length: 10 }, (_, i) => 100 + i);

describe("telegram crowd", () => {
  let s: Setup;
  /** From the person's message to the beginning of the turn that takes it, by text. Milliseconds. */
  const waits = new Map<string, number>();
  const asked = new Map<string, number>();
  before(async () => {
    s = await setUp(async (turn) => {
      for (const [said] of turn.text.matchAll(/u\d+ m\d+ \w+/g))
        waits.set(said, performance.now() - (asked.get(said) ?? 0));
      await sleep(200);
      return { kind: "final", markdown: `re: ${turn.text}` };
    });
    await s.bridge.close(500);
    s.fake.bot.addGroup({ id: FORUM, is_forum: true, threads: TOPICS });
    const roles: ReadonlySet<"user"> = new Set(["user"]);
    s.bridge = await s.start({
      owner: "bridge-crowd",
      requestTimeoutMs: 10_000,
      admit: async ({ sender }) => ({
        ...{ kind: "admitted", roles, principal: principalOf("telegram", sender.id) },
      }),
    });
  });
  after(() => s.close());

  /** Everybody says their messages in rounds; returns the waits, sorted. */
  async function crowd(name: string): Promise<number[]> {
    const all: string[] = [];
    for (let m = 0; m < MESSAGES; m++) {
      for (const user of PEOPLE) {
        const text = `u${user} m${m} ${name}`;
        asked.set(text, performance.now());
        all.push(text);
        s.fake.bot.say(user, text);
      }
      await sleep(250);
    }
    await until(() => all.every((text) => waits.has(text)), 90_000, "all taken");
    return all.map((text) => waits.get(text)!).sort((a, b) => a - b);
  }
  const at = (sorted: number[], share: number) =>
    Math.round(sorted[Math.floor((sorted.length - 1) * share)]!);
  const answered = (user: number, name: string) =>
    s.fake.bot
      .fromBot(user)
      .flatMap(({ text }) => text.match(new RegExp(`u${user} m\\d+ ${name}`, "g")) ?? []);

  it("50 people, 10 messages each: none lost, none twice, each conversation in order", async () => {
    const sorted = await crowd("quiet");
    for (const user of PEOPLE) {
      const want = Array.from({ length: MESSAGES }, (_, m) => `u${user} m${m} quiet`);
      await until(() => answered(user, "quiet").length >= MESSAGES, 60_000, `answers of ${user}`);
      assert.deepEqual(answered(user, "quiet"), want);
    }
    console.log(JSON.stringify({ messages: sorted.length, p50: at(sorted, 0.5), p99: at(sorted, 0.99) }));
  });

  it("one person floods 500 messages in 10 topics: the others are answered all the same, in order", async () => {
    let flooded = 0;
    for (let i = 0; i < 50; i++)
      for (const thread of TOPICS) {
        flooded += 1;
        s.fake.bot.say(FLOODER, `flood ${flooded}`, { chat: FORUM, thread });
      }
    const sorted = await crowd("flooded");
    for (const user of PEOPLE) {
      await until(() => answered(user, "flooded").length >= MESSAGES, 60_000, `answers of ${user}`);
      assert.deepEqual(
        answered(user, "flooded"),
        Array.from({ length: MESSAGES }, (_, m) => `u${user} m${m} flooded`),
      );
    }
    console.log(JSON.stringify({ flooded, p50: at(sorted, 0.5), p99: at(sorted, 0.99) }));
    await until(() => s.fake.bot.unconfirmed() === 0, 30_000, "all updates stored");
    // More than 20 that wait in one conversation are refused, and said to be: never dropped in silence.
    const said = s.fake.bot
      .fromBot(FORUM)
      .map(({ text }) => text)
      .join("\n");
    const taken = s.worker.texts.join("\n").match(/flood \d+/g) ?? [];
    const refused = (said.match(/messages are already waiting/g) ?? []).length;
    assert.ok(taken.length > 0 && refused > 0);
    assert.equal(new Set(taken).size, taken.length, "none twice");
  });
});
