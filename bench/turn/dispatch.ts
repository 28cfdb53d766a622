/**
 * From a platform's update to the prompt in the agent's hands, through fake Telegram, bridge, Redis, worker, control
 * socket and guest, all real processes but for the ends; beside BullMQ's bare add → start on the same Redis. The agent
 * is the fake one, which notes the time at which a prompt arrives. One at a time, interleaved by round.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { principalOf } from "../../src/lib/ids.ts";
import { TIMEOUTS } from "../../src/lib/timeouts.ts";
import { startFakeTelegram } from "../../test/fakes/telegram/index.ts";
import { startService, waitUntil } from "../../test/helpers/service.ts";

const USER = 77;

/** Milliseconds per message, by round. */
export interface DispatchTimes {
  ours: number[][];
  bullmq: number[][];
}

/** Measures `rounds` × `each` messages of both. */
export async function dispatchRounds(rounds: number, each: number): Promise<DispatchTimes> {
  const telegram = await startFakeTelegram({ limits: "off" });
  const service = await startService({
    // More messages a minute than the router lets one sandbox ask.
    config: {
      inference: { limits: { perMinute: 100_000 } },
      limits: { messagesPerMinute: 10_000 },
    },
    env: {
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_API_ROOT: telegram.url,
      TELEGRAM_ALLOWED_USERS: String(USER),
    },
  });
  const password = readFileSync(join(service.paths.secrets("worker"), "redis-password"), "utf8").trim();
  const redis = () =>
    new Redis({
      path: service.paths.redis.socket,
      username: "worker",
      password,
      maxRetriesPerRequest: null,
      enableReadyCheck: false,
    });
  const connections = [redis(), redis()] as const;
  const options = { prefix: "{nc:q:bench}", skipVersionCheck: true };
  const queue = new Queue("bench", { ...options, connection: connections[0] });
  const started: ((at: number) => void)[] = [];
  const worker = new Worker("bench", async () => started.shift()?.(performance.now()), {
    ...options,
    connection: connections[1],
    lockDuration: 30_000,
  });
  const times: DispatchTimes = { ours: [], bullmq: [] };
  try {
    await worker.waitUntilReady();
    // A worker that has just begun claims the long way for two leases, in case another one still acts.
    const steady = performance.now() + 3 * TIMEOUTS.lease;
    for (let i = 0; performance.now() < steady; i++) await ourRound(`w${i}`, 5);
    await bullRound(20);
    for (let round = 0; round < rounds; round++) {
      times.ours.push(await ourRound(`r${round}`, each));
      times.bullmq.push(await bullRound(each));
    }
  } finally {
    await worker.close();
    await queue.close();
    for (const connection of connections) connection.disconnect();
    await service.stop();
    await telegram.close();
  }
  return times;

  async function ourRound(name: string, count: number): Promise<number[]> {
    const stamps = join(
      service.paths.user(principalOf("telegram", String(USER))).home,
      "workspace",
      "stamps.log",
    );
    const asked = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const id = `${name}x${i}`;
      const before = telegram.bot.fromBot(USER).length;
      asked.set(id, performance.timeOrigin + performance.now());
      telegram.bot.say(USER, `stamp ${id}`);
      await waitUntil(
        () =>
          telegram.bot
            .fromBot(USER)
            .slice(before)
            .some(({ text }) => /demo/i.test(text)),
        60_000,
        () => `no answer to ${id}: ${service.stderr().slice(-500)}`,
      );
      await sleep(20);
    }
    if (!existsSync(stamps)) throw new Error(`the agent left no stamps in ${stamps}`);
    const arrived = new Map(
      readFileSync(stamps, "utf8")
        .trim()
        .split("\n")
        .map((line) => line.split(" "))
        .map(([id = "", at]) => [id, Number(at)]),
    );
    return [...asked].map(([id, at]) => {
      const then = arrived.get(id);
      if (then === undefined) throw new Error(`no stamp of ${id}`);
      return then - at;
    });
  }

  async function bullRound(count: number): Promise<number[]> {
    const values: number[] = [];
    for (let i = 0; i < count; i++) {
      const start = Promise.withResolvers<number>();
      started.push(start.resolve);
      const since = performance.now();
      await queue.add("job", { conversation: "bench" }, { removeOnComplete: true });
      values.push((await start.promise) - since);
      await sleep(20);
    }
    return values;
  }
}
