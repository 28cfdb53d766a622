import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { message } from "./events.ts";

let redis: TestRedis;
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());

async function until(done: () => boolean, what: string, ms = 3_000) {
  for (const end = performance.now() + ms; !done(); await sleep(5)) {
    if (performance.now() > end) assert.fail(what);
  }
}
async function pair(hostId: string): Promise<{ bridge: Store; worker: Store }> {
  const bridge = redis.store("bridge-console", { hostId });
  const worker = redis.store("worker", { hostId });
  await Promise.all([bridge.ready(), worker.ready()]);
  return { bridge, worker };
}

test("a ring reaches a worker that comes later, once", async () => {
  const { bridge, worker } = await pair("later");
  for (let i = 0; i < 5; i++) await bridge.doorbell.ring("console.a");
  await bridge.doorbell.ring("console.b");
  assert.equal(await bridge.doorbell.depth(), 2, "deduplicated by conversation");
  const rung: string[] = [];
  const bell = await worker.doorbell.listen(async (c) => void rung.push(c), 4);
  await until(() => rung.length >= 2, "both arrive");
  await sleep(100);
  assert.deepEqual(rung.sort(), ["console.a", "console.b"]);
  assert.equal(await worker.doorbell.depth(), 0, "nothing is left in BullMQ");
  await bell.close();
});

test("a ring while its conversation is handled leads to another call", async () => {
  const { bridge, worker } = await pair("again");
  let calls = 0;
  let release = () => {};
  const bell = await worker.doorbell.listen(async () => {
    calls += 1;
    if (calls === 1) await new Promise<void>((resolve) => (release = resolve));
  }, 1);
  await bridge.doorbell.ring("console.a");
  await until(() => calls === 1, "first call");
  await bridge.doorbell.ring("console.a");
  // The only handler is taken: this one's job stays active in BullMQ, where a further ring must be kept, not dropped.
  await bridge.doorbell.ring("console.b");
  await until(() => calls === 1, "still one");
  await sleep(50);
  await bridge.doorbell.ring("console.b");
  assert.equal(calls, 1);
  release();
  await until(() => calls >= 3, "a again, and b");
  await bell.close();
  const log = (await redis.send("admin", "ACL", "LOG")) as unknown[];
  assert.deepEqual(log, [], "BullMQ needed nothing that the ACL refuses");
});

test("rings are not lost by a worker that dies with a ring in its hands", async () => {
  const { bridge, worker } = await pair("dies");
  let release = () => {};
  let dead = true;
  await worker.doorbell.listen(async () => {
    if (dead) await new Promise<void>((resolve) => (release = resolve));
  }, 1);
  await bridge.doorbell.ring("console.a");
  await bridge.doorbell.ring("console.b");
  await sleep(200);
  // Stuck: as dead as a process can be within this one. Its job of console.b is active and locked for 30 s.
  const other = redis.store("worker", { hostId: "dies" });
  const rung: string[] = [];
  const bell = await other.doorbell.listen(async (c) => void rung.push(c), 2);
  await bell.ring("console.b");
  await until(() => rung.includes("console.b"), "the sweeper's ring goes past BullMQ");
  await bell.close();
  dead = false;
  release();
});

test("paused, nothing new begins; close waits for what runs", async () => {
  const { bridge, worker } = await pair("pause");
  const rung: string[] = [];
  let release = () => {};
  const bell = await worker.doorbell.listen(async (c) => {
    rung.push(c);
    await new Promise<void>((resolve) => (release = resolve));
  }, 2);
  await bridge.doorbell.ring("console.a");
  await until(() => rung.length === 1, "runs");
  await bell.pause();
  await bridge.doorbell.ring("console.b");
  await sleep(100);
  assert.deepEqual(rung, ["console.a"]);
  let closed = false;
  const closing = bell.close().then(() => {
    closed = true;
  });
  await sleep(50);
  assert.equal(closed, false);
  release();
  await closing;
  assert.deepEqual(rung, ["console.a"]);
});

test("a message rings a worker that listens within milliseconds, and BullMQ only if nobody answers", async () => {
  const { bridge, worker } = await pair("answer");
  let answer = true;
  const rung: string[] = [];
  const bell = await worker.doorbell.listen(async (c) => {
    rung.push(c);
    if (answer) await worker.turns.claim(c, "w1");
  }, 4);
  const busy = () => redis.send("admin", "GET", "{nc:q:answer}:turns:id");
  await bridge.ingress("console").accept(message("ans1", "x"));
  await until(() => rung.length === 1, "rung", 150);
  await sleep(200);
  assert.equal(await busy(), null, "no job was made");
  answer = false;
  await bridge.ingress("console").accept(message("ans2", "x"));
  await until(() => rung.filter((c) => c === "console.ans2").length === 2, "rung again, by BullMQ", 1_000);
  assert.equal(await busy(), "1");
  await bell.close();
});

test("works again after Redis was killed, without being told", async () => {
  const { bridge, worker } = await pair("outage");
  const rung: string[] = [];
  const bell = await worker.doorbell.listen(async (c) => void rung.push(c), 4);
  await bridge.doorbell.ring("console.a");
  await until(() => rung.length >= 1, "before");
  await redis.kill9();
  await assert.rejects(bridge.doorbell.ring("console.b"));
  await sleep(500);
  await redis.restart();
  await Promise.all([bridge.ready(), worker.ready()]);
  await bridge.doorbell.ring("console.c");
  await until(() => rung.includes("console.c"), "after", 5_000);
  await bell.close();
});

test("close ends in bounded time, with Redis away, coming back, or just back", async () => {
  for (const wait of [0, 30, 60, 90, 120]) {
    const { worker } = await pair(`close${wait}`);
    const bell = await worker.doorbell.listen(async () => {}, 4);
    await redis.kill9();
    if (wait > 0) {
      await redis.restart();
      await sleep(wait);
    }
    const started = performance.now();
    await bell.close();
    await worker.close();
    assert.ok(performance.now() - started < 3 * 3_000, `after ${wait} ms`);
    if (wait === 0) await redis.restart();
  }
});
