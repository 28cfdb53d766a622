/** A Discord bridge over a real Redis and the fake Discord, for one test file. */
import { type Admit, parseAllowList } from "../../../src/bridges/core/index.ts";
import {
  type DiscordBridge,
  type DiscordOptions,
  runDiscordBridge,
} from "../../../src/bridges/discord/index.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import type { Store } from "../../../src/store/index.ts";
import { type FakeDiscord, type FakeOptions, startFakeDiscord } from "../../fakes/discord/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { type MemoryCards, memoryCards } from "../memory-cards.ts";
import { type TinyWorker, type TurnHandler, tinyWorker, until } from "../tiny-worker.ts";

/** People of the tests. Ann and Bob are let in. */
export const ANN = "100000000000001001";
export const BOB = "100000000000001002";
export const EVE = "100000000000006666";
export const GUILD = "800000000000000001";

/** Everything that runs. */
export interface Setup {
  redis: TestRedis;
  fake: FakeDiscord;
  bridgeStore: Store;
  /** Approvals of the tests: the gateway's half is theirs. */
  cards: MemoryCards;
  worker: TinyWorker;
  bridge: DiscordBridge;
  /** Starts another bridge, after `bridge` was closed or beside it. */
  start(options?: Partial<DiscordOptions>): Promise<DiscordBridge>;
  /** Says a text (in a DM by default) and waits until the bot's visible message after it matches. */
  ask(user: string, text: string, want: RegExp, where?: { channel?: string; ms?: number }): Promise<string>;
  /** Mentions the bot. */
  mention: string;
  close(): Promise<void>;
}

/** Lets Ann and Bob in, in private and, when they speak to the bot, in a guild: a channel has a principal of its own. */
export const admitPeople: Admit = async ({ sender, place }) => {
  if (place.kind === "group" && !place.addressed) return { kind: "ignored", reason: "not addressed" };
  if (sender.id !== ANN && sender.id !== BOB) return { kind: "stranger", reason: "not-listed" };
  const whose = place.kind === "group" ? `g${place.id}` : sender.id;
  return { kind: "admitted", principal: principalOf("discord", whose), roles: new Set(["user"]) };
};

/** Starts all of it. */
export async function setUp(
  handler?: TurnHandler,
  options: FakeOptions = {},
  bridgeOptions: Partial<DiscordOptions> = {},
): Promise<Setup> {
  const redis = await startTestRedis();
  const fake = await startFakeDiscord({
    limits: "off",
    ...options,
    gateway: { identifyMs: 0, heartbeatMs: 2_000, ...options.gateway },
  });
  for (const user of [ANN, BOB, EVE]) fake.bot.addUser(user);
  const cards = memoryCards();
  const bridgeStore = { ...redis.store("bridge-discord"), cards: cards.cards };
  const workerStore = redis.store("worker");
  await bridgeStore.ready();
  await workerStore.ready();
  const worker = tinyWorker(workerStore, handler);
  const running: DiscordBridge[] = [];
  const start: Setup["start"] = async (more = {}) => {
    const bridge = runDiscordBridge({
      token: fake.token,
      apiRoot: fake.url,
      allowedUsers: parseAllowList(`${ANN}, ${BOB}`, "test"),
      admit: admitPeople,
      store: bridgeStore,
      owner: "bridge-a",
      logger: silent,
      requestTimeoutMs: 2_000,
      leaseTtlMs: 3_000,
      identifyMs: 0,
      ...bridgeOptions,
      ...more,
    });
    running.push(bridge);
    await bridge.ready;
    return bridge;
  };
  const bridge = await start();
  return {
    ...{ redis, fake, bridgeStore, cards, worker, bridge, start },
    mention: `<@${fake.bot.state.me.id}>`,
    async ask(user, text, want, { channel = fake.bot.dm(user), ms } = {}) {
      const id = fake.bot.say(user, channel, text);
      return await until(
        () => fake.bot.fromBot(channel).find((m) => BigInt(m.id) > BigInt(id) && want.test(m.text))?.text,
        ms,
        `answer ${want} to "${text.slice(0, 40)}"; saw ${JSON.stringify(fake.bot.fromBot(channel).map((m) => m.text.slice(0, 60)))}`,
      );
    },
    async close() {
      await worker.close();
      await Promise.all(running.map((one) => one.close(500)));
      await fake.close();
      await redis.stop();
    },
  };
}
