import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatcher } from "../../src/store/dispatcher.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A handler whose calls end when told. */
function stage(concurrency: number) {
  const started: string[] = [];
  const running = new Map<string, () => void>();
  const errors: string[] = [];
  const calls = dispatcher(
    (conversation) => {
      assert.ok(!running.has(conversation), "never two at once for one conversation");
      started.push(conversation);
      return new Promise((resolve) => running.set(conversation, resolve));
    },
    concurrency,
    (_, conversation) => errors.push(conversation),
  );
  const end = async (conversation: string) => {
    running.get(conversation)?.();
    running.delete(conversation);
    await turn();
  };
  return { calls, started, running, errors, end };
}

test("rings during a call lead to exactly one more call", async () => {
  const { calls, started, end } = stage(2);
  await calls.ring("a");
  await calls.ring("a");
  await calls.ring("a");
  assert.deepEqual(started, ["a"]);
  await end("a");
  assert.deepEqual(started, ["a", "a"]);
  await end("a");
  assert.deepEqual(started, ["a", "a"]);
});

test("no more than `concurrency` at once; the rest in order, each once", async () => {
  const { calls, started, running, end } = stage(2);
  const rings = ["a", "b", "c", "d", "c"].map((c) => calls.ring(c));
  await turn();
  assert.deepEqual(started, ["a", "b"]);
  await end("b");
  await end("a");
  await Promise.all(rings);
  assert.deepEqual(started, ["a", "b", "c", "d"]);
  assert.equal(running.size, 2);
});

test("a ring that waits resolves when its call begins", async () => {
  const { calls, end } = stage(1);
  await calls.ring("a");
  let begun = false;
  const ring = calls.ring("b").then(() => {
    begun = true;
  });
  await turn();
  assert.equal(begun, false);
  await end("a");
  await ring;
  assert.equal(begun, true);
});

test("a handler that throws is reported, and its conversation can be rung again", async () => {
  const errors: string[] = [];
  let calls = 0;
  const d = dispatcher(
    async () => {
      calls += 1;
      throw new Error("no");
    },
    1,
    (_, conversation) => errors.push(conversation),
  );
  await d.ring("a");
  await turn();
  await d.ring("a");
  await turn();
  assert.deepEqual([calls, errors], [2, ["a", "a"]]);
});

test("paused: nothing new begins; closed: waits for what runs and drops the rest", async () => {
  const { calls, started, end } = stage(1);
  await calls.ring("a");
  calls.pause();
  void calls.ring("b");
  await end("a");
  assert.deepEqual(started, ["a"]);

  const other = stage(1);
  await other.calls.ring("a");
  const waiting = other.calls.ring("b");
  let closed = false;
  const closing = other.calls.close().then(() => {
    closed = true;
  });
  await waiting;
  await turn();
  assert.equal(closed, false);
  await other.end("a");
  await closing;
  assert.deepEqual(other.started, ["a"]);
});
