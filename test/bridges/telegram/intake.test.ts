/** Updates that wait behind many are kept, which confirms them: nothing of them is lost or doubled when the process dies. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Update } from "grammy/types";
import { Intake } from "../../../src/bridges/telegram/intake.ts";
import { Fault } from "../../../src/lib/errors.ts";
import type { BridgePort } from "../../../src/store/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { until } from "../tiny-worker.ts";

let nextId = 1;
/** Messages of one person in a topic of a forum, or in their private chat. */
const said = (count: number, topic?: number): Update[] =>
  Array.from({ length: count }, () => {
    const id = nextId++;
    const place =
      topic === undefined
        ? { chat: { id: 7, type: "private" } }
        : { chat: { id: -1, type: "supergroup" }, message_thread_id: topic, is_topic_message: true };
    return { update_id: id, message: { message_id: id, from: { id: 7 }, text: `m${id}`, ...place } };
  }) as unknown as Update[];
const ids = (updates: readonly Update[]) => updates.map(({ update_id: id }) => id);

describe("telegram intake", () => {
  let redis: TestRedis;
  let backlog: BridgePort;
  let bot = 0;
  const process = {
    intake: undefined as unknown as Intake,
    end: new AbortController(),
    handled: [] as number[],
  };
  /** A process's life; `handle` may never end. */
  function begin(handle: (id: number) => Promise<void>, port: Partial<BridgePort> = {}): Intake {
    process.end.abort();
    process.end = new AbortController();
    process.handled = [];
    const { handled } = process;
    process.intake = new Intake(
      {
        logger: silent,
        backlog: { ...backlog, ...port },
        handle: async ({ update_id: id }) => {
          await handle(id);
          handled.push(id);
        },
      },
      process.end.signal,
    );
    return process.intake;
  }
  const never = () => new Promise<void>(() => {});

  before(async () => {
    redis = await startTestRedis();
  });
  beforeEach(() => {
    bot += 1;
    backlog = redis.store("bridge-telegram").bridge(`telegram.${bot}`);
  });
  after(async () => {
    process.end.abort();
    await redis.stop();
  });

  it("few updates are confirmed when they are stored, and cost nothing more", async () => {
    const intake = begin(never);
    const works = intake.take(said(20));
    assert.equal(await Promise.race([Promise.all(works), sleep(100, "open")]), "open");
    assert.deepEqual(await backlog.keptUpdates(), []);
  });

  it("many are confirmed when they are kept; the next process works them off first, in order, once", async () => {
    const flood = [...said(60, 1), ...said(30, 2)];
    const first = begin(async (id) => (id % 2 === 0 ? await never() : undefined));
    assert.ok((await Promise.all(first.take(flood))).every(Boolean), "confirmed");
    assert.equal(process.handled.length < flood.length, true);
    const worked = [...process.handled];
    await sleep(400);
    const left = ids(flood).filter((id) => !worked.includes(id));
    assert.deepEqual(
      (await backlog.keptUpdates()).map((json) => (JSON.parse(json) as Update).update_id),
      left,
    );
    const next = begin(async () => {});
    await next.recall();
    const fresh = said(3, 1);
    // Telegram gives what it doesn't know to be confirmed again.
    await Promise.all(next.take([...flood.slice(-5), ...fresh]));
    await until(() => process.handled.length >= left.length + fresh.length);
    await sleep(300);
    for (const topic of [ids(flood.slice(0, 60)), ids(flood.slice(60))]) {
      const inTopic = process.handled.filter((id) => topic.includes(id));
      assert.deepEqual(
        inTopic,
        left.filter((id) => topic.includes(id)),
        "in order, each once",
      );
    }
    assert.deepEqual(
      process.handled.filter((id) => ids(fresh).includes(id)),
      ids(fresh),
    );
    assert.deepEqual(await backlog.keptUpdates(), [], "forgotten when it is done");
  });

  it("a kept update that can't be read holds back no other", async () => {
    const [good] = said(1);
    const keptUpdates = async () => ["{no json", '{"update_id":"x"}', JSON.stringify(good)];
    const intake = begin(async () => {}, { keptUpdates });
    await intake.recall();
    await until(() => process.handled.length === 1);
    assert.deepEqual(process.handled, ids([good!]));
  });
  it("confirms nothing that could be neither stored nor kept", async () => {
    const away = async () => {
      throw new Fault({ code: "redis-unreachable", message: "away", retryable: true });
    };
    const intake = begin(away, { keepUpdates: away });
    const works = intake.take(said(50));
    assert.equal(await Promise.race([Promise.any(works), sleep(300, "open")]), "open");
    process.end.abort();
    assert.ok((await Promise.all(works)).every((stored) => !stored));
  });

  it("a topic doesn't wait for another one", async () => {
    const [stuck, flows] = [said(1, 1), said(1, 2)];
    const intake = begin(async (id) => (id === stuck[0]!.update_id ? await never() : undefined));
    const [, second] = intake.take([...stuck, ...flows]);
    assert.equal(await second, true);
  });
});
