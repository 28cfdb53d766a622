/** A Telegram bridge over a real Redis and the fake Bot API, for one test file. */
import { join } from "node:path";
import { type RunningAccess, runAccess } from "../../../src/access/index.ts";
import { parseAllowList } from "../../../src/bridges/core/index.ts";
import {
  runTelegramBridge,
  type TelegramBridge,
  type TelegramOptions,
} from "../../../src/bridges/telegram/index.ts";
import type { Store } from "../../../src/store/index.ts";
import { type FakeOptions, type FakeTelegram, startFakeTelegram } from "../../fakes/telegram/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { type MemoryCards, memoryCards } from "../memory-cards.ts";
import { type TinyWorker, type TurnHandler, tinyWorker, until } from "../tiny-worker.ts";

/** People of the tests. Ann and Bob are let in. */
export const ANN = 1001;
export const BOB = 1002;
export const EVE = 6666;

/** Everything that runs. */
export interface Setup {
  redis: TestRedis;
  fake: FakeTelegram;
  bridgeStore: Store;
  /** Approvals of the tests: the gateway's half is theirs. */
  cards: MemoryCards;
  workerStore: Store;
  worker: TinyWorker;
  bridge: TelegramBridge;
  access: RunningAccess;
  /** Where the operator's commands ask the access component. */
  accessSocket: string;
  /** Starts another bridge, after `bridge` was closed or beside it. */
  start(options?: Partial<TelegramOptions>): Promise<TelegramBridge>;
  /** Sends a text and waits until the bot's visible message after it matches. */
  ask(user: number, text: string, want: RegExp, ms?: number): Promise<string>;
  close(): Promise<void>;
}

/** Starts all of it. */
export async function setUp(handler?: TurnHandler, options: FakeOptions = { limits: "off" }): Promise<Setup> {
  const redis = await startTestRedis();
  const fake = await startFakeTelegram(options);
  const cards = memoryCards();
  const bridgeStore = { ...redis.store("bridge-telegram"), cards: cards.cards };
  const workerStore = redis.store("worker");
  await bridgeStore.ready();
  await workerStore.ready();
  const accessStore = redis.store("access");
  await accessStore.ready();
  const accessSocket = join(redis.home, "access.sock");
  const access = await runAccess({
    ...{ store: accessStore, logger: silent, socketPath: accessSocket, solo: false },
    standing: [ANN, BOB].map((id) => `telegram:${id}`),
  });
  const worker = tinyWorker(workerStore, handler);
  const running: TelegramBridge[] = [];
  const start: Setup["start"] = async (more = {}) => {
    const bridge = runTelegramBridge({
      token: fake.token,
      apiRoot: fake.url,
      allowedUsers: parseAllowList(`${ANN}, ${BOB}`, "test"),
      store: bridgeStore,
      owner: "bridge-a",
      logger: silent,
      requestTimeoutMs: 2_000,
      leaseTtlMs: 3_000,
      ...more,
    });
    running.push(bridge);
    await bridge.ready;
    return bridge;
  };
  const bridge = await start();
  return {
    redis,
    fake,
    bridgeStore,
    cards,
    workerStore,
    worker,
    bridge,
    access,
    accessSocket,
    start,
    async ask(user, text, want, ms) {
      const { messageId } = fake.bot.say(user, text);
      return await until(
        () => fake.bot.fromBot(user).find((m) => m.id > messageId && want.test(m.text))?.text,
        ms,
        `answer ${want} to "${text.slice(0, 40)}"; saw ${JSON.stringify(fake.bot.fromBot(user).map((m) => m.text.slice(0, 60)))}`,
      );
    },
    async close() {
      await worker.close();
      await access.close();
      await Promise.all(running.map((one) => one.close(500)));
      await fake.close();
      await redis.stop();
    },
  };
}
