/**
 * 50 people at once, 10 messages each, over a real Redis, with a load-generating agent that takes 200 ms (no AI, named so);
 * then the same while one principal floods 500 messages in 10 threads. Per-conversation order holds, nothing is lost or
 * doubled, and the others' p99 from the platform's update to the turn's start stays within twice the quiet one.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Admit } from "../../src/bridges/core/index.ts";
import { runDiscordBridge } from "../../src/bridges/discord/index.ts";
import { runTelegramBridge } from "../../src/bridges/telegram/index.ts";
import { principalOf } from "../../src/lib/ids.ts";
import { tinyWorker, until } from "../bridges/tiny-worker.ts";
import { startFakeDiscord } from "../fakes/discord/index.ts";
import { startFakeTelegram } from "../fakes/telegram/index.ts";
import { silent, startTestRedis } from "../helpers/redis.ts";

const PEOPLE = 50;
const MESSAGES = 10;
const AGENT_MS = 200;
const FLOOD = 500;
const THREADS = 10;

/** What the load needs of a platform. */
interface Line {
  name: string;
  person(n: number): string;
  /** Writes, and returns when the server has it. */
  say(person: string, text: string): void;
  /** Raw, since reading as a person does would cost more than what is measured. */
  texts(person: string): string[];
  /** Floods; absent where the platform of the test has no threads. */
  flood?(): void;
  flooded?(): string[];
  close(): Promise<void>;
}

const percentile = (all: number[], share: number) =>
  all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0;

/** One round: everybody's messages, each after the answer to the one before. */
async function round(line: Line, started: Map<string, number>, tag: string): Promise<number[]> {
  const waits: number[] = [];
  await Promise.all(
    Array.from({ length: PEOPLE }, async (_, n) => {
      const person = line.person(n);
      for (let i = 0; i < MESSAGES; i++) {
        const text = `${tag} ${n} ${i}`;
        const at = performance.now();
        line.say(person, text);
        while (!line.texts(person).some((one) => one.includes(`answer to ${text}.`))) {
          assert.ok(performance.now() - at < 60_000, `${text} is not answered`);
          await sleep(25);
        }
        waits.push(started.get(text)! - at);
      }
      const own = line
        .texts(person)
        .flatMap((one) =>
          [...one.matchAll(new RegExp(`answer to ${tag} ${n} (\\d+)`, "g"))].map((match) => Number(match[1])),
        );
      assert.deepEqual(
        own,
        Array.from({ length: MESSAGES }, (_, i) => i),
        "in order, each once",
      );
    }),
  );
  return waits;
}

async function load(
  role: "bridge-telegram" | "bridge-discord",
  open: (store: never) => Promise<Line>,
): Promise<void> {
  const redis = await startTestRedis();
  const store = redis.store(role);
  const workerStore = redis.store("worker");
  await Promise.all([store.ready(), workerStore.ready()]);
  const started = new Map<string, number>();
  const worker = tinyWorker(
    workerStore,
    async (turn) => {
      for (const text of turn.text.split("\n\n")) started.set(text, performance.now());
      await sleep(AGENT_MS);
      return {
        kind: "final",
        markdown: turn.text
          .split("\n\n")
          .map((text) => `answer to ${text}.`)
          .join("\n\n"),
      };
    },
    "load-generating-agent",
  );
  const line = await open(store as never);
  try {
    await round(line, started, "warm");
    const quiet = await round(line, started, "quiet");
    const report = { platform: line.name, people: PEOPLE, messages: PEOPLE * MESSAGES, agentMs: AGENT_MS };
    const figures = (waits: number[]) => ({
      p50: Math.round(percentile(waits, 0.5)),
      p99: Math.round(percentile(waits, 0.99)),
    });
    console.log(JSON.stringify({ ...report, round: "quiet", ...figures(quiet) }));
    if (!line.flood || !line.flooded) return;
    line.flood();
    const busy = await round(line, started, "busy");
    console.log(
      JSON.stringify({
        ...report,
        round: `with a flood of ${FLOOD} in ${THREADS} threads`,
        ...figures(busy),
      }),
    );
    assert.ok(
      percentile(busy, 0.99) <= 2 * Math.max(percentile(quiet, 0.99), 100),
      "others' p99 within twice the quiet one",
    );
    // Nothing of the flood is lost silently: answered, or told that the queue is full.
    const { flooded } = line;
    await until(
      () => {
        const all = flooded().join("\n");
        const answered = all.match(/answer to flood/g)?.length ?? 0;
        const refused = all.match(/already waiting/g)?.length ?? 0;
        return answered + refused >= FLOOD;
      },
      120_000,
      "the whole flood is answered or refused",
    );
    const all = flooded().join("\n");
    assert.equal(
      new Set(all.match(/flood \d+ \d+\./g) ?? []).size,
      all.match(/flood \d+ \d+\./g)?.length ?? 0,
      "none twice",
    );
  } finally {
    await line.close();
    await worker.close();
    await redis.stop();
  }
}

describe("bridges under load", () => {
  it("telegram: 50 people, 10 messages each", () =>
    load("bridge-telegram", async (store) => {
      const fake = await startFakeTelegram({ limits: "off" });
      const person = (n: number) => String(2_000 + n);
      const people = new Set(Array.from({ length: PEOPLE }, (_, n) => person(n)));
      const bridge = runTelegramBridge({
        token: fake.token,
        apiRoot: fake.url,
        allowedUsers: people,
        admit: admitAs("telegram"),
        store,
        owner: "load",
        logger: silent,
      });
      await bridge.ready;
      return {
        name: "telegram",
        person,
        say: (who, text) => void fake.bot.say(Number(who), text),
        texts: (who) =>
          fake.bot.state.messages
            .filter((one) => one.chatId === Number(who))
            .map((one) => one.versions.at(-1)!.text),
        async close() {
          await bridge.close(500);
          await fake.close();
        },
      };
    }));
  it("discord: the same, and a flood by one principal", () =>
    load("bridge-discord", async (store) => {
      const fake = await startFakeDiscord({ limits: "off", gateway: { identifyMs: 0 } });
      const person = (n: number) => String(100_000_000_000_002_000n + BigInt(n));
      const dms = new Map(Array.from({ length: PEOPLE }, (_, n) => [person(n), fake.bot.dm(person(n))]));
      const bridge = runDiscordBridge({
        token: fake.token,
        apiRoot: fake.url,
        allowedUsers: new Set(),
        admit: admitAs("discord"),
        store,
        owner: "load",
        logger: silent,
        identifyMs: 0,
      });
      await bridge.ready;
      const channel = fake.bot.addGuild("800000000000000001");
      const threads = Array.from({ length: THREADS }, () => fake.bot.addThread(channel));
      const flooder = "100000000000009999";
      return {
        name: "discord",
        person,
        say: (who, text) => void fake.bot.tell(who, text),
        texts: (who) =>
          (fake.bot.state.messages.get(dms.get(who)!) ?? []).map((one) => one.versions.at(-1)!.content),
        flood() {
          for (let i = 0; i < FLOOD; i++)
            fake.bot.say(
              flooder,
              threads[i % THREADS]!,
              `<@${fake.bot.state.me.id}> flood ${i % THREADS} ${i}`,
            );
        },
        flooded: () => threads.flatMap((thread) => fake.bot.fromBot(thread).map(({ text }) => text)),
        async close() {
          await bridge.close(500);
          await fake.close();
        },
      };
    }));
});

/** Everybody is let in; whoever speaks is the principal, wherever. */
function admitAs(platform: string): Admit {
  return async ({ sender }) => ({
    kind: "admitted",
    principal: principalOf(platform, sender.id),
    roles: new Set(["user"]),
  });
}
