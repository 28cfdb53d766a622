/** The operator's wishes about the queue, over a real Redis with real ACLs: pause, resume, retry of what failed. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TIMEOUTS } from "../../src/lib/timeouts.ts";
import type { OperatorPort } from "../../src/store/index.ts";
import { eventually, Harness } from "./helpers/harness.ts";

describe("the operator's wishes about the queue", () => {
  let h: Harness;
  let operator: OperatorPort;
  before(async () => {
    h = await Harness.start();
    const store = h.redis.store("operator");
    await store.ready();
    operator = store.operator;
    await h.worker();
  });
  after(() => h.stop());
  const empty = () => eventually(async () => (await operator.queue()).length === 0);

  it("sees what runs and what waits, and nothing when all is done", async () => {
    await h.say("ann", "slow 700");
    await eventually(async () => (await operator.queue())[0]?.turn?.state === "running");
    await h.say("ann", "next");
    const [row] = await operator.queue();
    assert.deepEqual([row?.conversation, row?.waiting, row?.turn?.text], ["console.ann", 1, "slow 700"]);
    await h.until("ann", 2);
    await empty();
    assert.deepEqual(await operator.undelivered(), [{ bridge: "console", conversations: 1 }]);
  });

  it("paused: what runs goes on, what comes waits; resumed: it is answered", async () => {
    await h.say("bob", "slow 2500");
    await eventually(async () => (await operator.queue())[0]?.turn?.state === "running");
    await operator.pause("ann");
    assert.equal((await operator.paused())?.by, "ann");
    await sleep(TIMEOUTS.sweep + 200);
    await h.say("eve", "hello");
    assert.deepEqual(await h.until("bob", 1), ["final: You said: slow 2500"]);
    const row = (await operator.queue()).find(({ conversation }) => conversation === "console.eve");
    assert.deepEqual([row?.waiting, row?.turn], [1, undefined]);
    assert.equal((await operator.waiting("console.eve"))[0]?.text, "hello");
    assert.equal(await operator.resume(), true);
    assert.equal(await operator.resume(), false);
    assert.deepEqual(await h.until("eve", 1), ["final: You said: hello"]);
  });

  it("a pause outlives the worker", async () => {
    await operator.pause("ann");
    await h.closeWorkers();
    await h.worker();
    await h.say("joe", "hello");
    await sleep(2 * TIMEOUTS.sweep);
    assert.deepEqual(await h.said("joe"), []);
    await operator.resume();
    await h.until("joe", 1);
  });

  it("a turn that failed is handed in again, once; one that was answered isn't", async () => {
    await h.say("dan", "crash");
    const [first] = await h.until("dan", 1);
    assert.match(first ?? "", /^failed: /);
    const failed = (await operator.failed()).find(({ conversation }) => conversation === "console.dan");
    assert.equal(failed?.text, "crash");
    assert.equal(await operator.retry(failed!), true);
    await h.until("dan", 2);
    assert.equal(await operator.retry(failed!), true, "taken, and found to be a duplicate");
    await h.say("dan", "hello");
    assert.equal((await h.until("dan", 3)).length, 3);
    assert.equal((await operator.finished(failed!.turnId))?.state, "failed");
    assert.equal(await operator.finished("t_aaaaaaaaaaaaaaaaaaaa"), undefined);
    await empty();
    assert.equal((await h.said("dan")).length, 3);
  });
});
