import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../src/lib/ids.ts";
import type { Store } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { claimed, command, final, message, principal } from "./events.ts";

let redis: TestRedis;
let bridge: Store;
let worker: Store;

before(async () => {
  redis = await startTestRedis();
  bridge = redis.store("bridge-console");
  worker = redis.store("worker");
  await Promise.all([bridge.ready(), worker.ready()]);
});
after(() => redis.stop());

/** Each test has a principal of its own, else they would share running slots. */
let people = 0;
async function say(chat: string, ...texts: string[]): Promise<string> {
  people += 1;
  for (const text of texts)
    await bridge.ingress("console").accept(message(chat, text, { principal: principal(people) }));
  return `console.${chat}`;
}

test("an empty mailbox is empty", async () => {
  assert.deepEqual(await worker.turns.claim("console.nobody", "w1"), { kind: "empty" });
});

test("a turn takes all waiting messages of one session, in order", async () => {
  const turn = await claimed(worker, await say("merge", "one", "two", "three"));
  assert.equal(turn.text, "one\n\ntwo\n\nthree");
  assert.deepEqual(turn.seqs, [1, 2, 3]);
  assert.deepEqual([turn.state, turn.starts, turn.owner, turn.hostId], ["accepted", 0, "w1", "host1"]);
  assert.ok(turn.leaseUntil > turn.claimedAt && turn.claimedAt >= turn.acceptedAt);
});

test("merged text stays within 64 KB; the rest waits for the next turn", async () => {
  const part = "x".repeat(30_000);
  const id = await say("limit", part, part, part);
  const turn = await claimed(worker, id);
  assert.deepEqual(turn.seqs, [1, 2]);
  assert.deepEqual(await worker.turns.settle(turn, "answered", final("ok")), { more: true });
  assert.deepEqual((await claimed(worker, id)).seqs, [3]);
});

test("a live lease is busy for everybody; one that ended is recovered with a higher fence", async () => {
  const id = await say("lease", "go");
  const first = await claimed(worker, id, "w1");
  const busy = await worker.turns.claim(id, "w2");
  assert.deepEqual(busy, { kind: "busy", leaseUntil: first.leaseUntil });
  assert.equal((await worker.turns.claim(id, "w1")).kind, "busy", "also for its own holder");

  await sleep(3_100);
  const recovered = await worker.turns.claim(id, "w2");
  assert.ok(recovered.kind === "recover");
  assert.equal(recovered.turn.turnId, first.turnId);
  assert.ok(recovered.turn.fence > first.fence);

  assert.deepEqual(await worker.turns.renew(first), { kind: "lost" });
  assert.equal(await worker.turns.advance(first, { state: "running" }), undefined);
  assert.equal(await worker.turns.settle(first, "answered", final("stale")), undefined);
  assert.deepEqual(await worker.turns.settle(recovered.turn, "answered", final("fresh")), { more: false });
  assert.equal(await worker.turns.settle(first, "answered", final("stale")), undefined, "after the end too");
  const answers = await bridge.outbox("console").pending(id);
  assert.deepEqual(
    answers.map((a) => a.body),
    [final("fresh")],
  );
});

test("a former owner that is known to be dead loses its lease at once", async () => {
  const id = await say("dead", "go");
  await claimed(worker, id, "before");
  assert.equal((await worker.turns.claim(id, "now", "somebody")).kind, "busy");
  assert.equal((await worker.turns.claim(id, "now", "before")).kind, "recover");
});

test("renewal keeps a turn for longer than a lease", async () => {
  const id = await say("renew", "go");
  const turn = await claimed(worker, id);
  for (let i = 0; i < 4; i++) {
    await sleep(1_000);
    assert.deepEqual(await worker.turns.renew(turn), { kind: "ok", cancel: false, joinable: false });
  }
  assert.equal((await worker.turns.claim(id, "w2")).kind, "busy");
  await worker.turns.settle(turn, "answered", final("ok"));
});

test("starts are counted once per claim, whatever is repeated", async () => {
  const id = await say("starts", "go");
  const turn = await claimed(worker, id);
  assert.equal((await worker.turns.advance(turn, { state: "dispatching" }))?.starts, 1);
  assert.equal((await worker.turns.advance(turn, { state: "dispatching", bootId: "b1" }))?.starts, 1);
  const running = await worker.turns.advance(turn, { state: "running", eventSeq: 7 });
  assert.deepEqual([running?.state, running?.bootId, running?.eventSeq], ["running", "b1", 7]);
  const again = await worker.turns.claim(id, "w2", "w1");
  assert.ok(again.kind === "recover" && again.turn.starts === 1 && again.turn.eventSeq === 7);
  assert.equal((await worker.turns.advance(again.turn, { state: "dispatching" }))?.starts, 2);
  await assert.rejects(worker.turns.advance(again.turn, { state: "answered" }), /use settle/);
});

test("settling is idempotent, keeps the record for a week, and empties the mailbox", async () => {
  const id = await say("settle", "go");
  const turn = await claimed(worker, id);
  const done = () => worker.turns.settle(turn, "failed", { kind: "failure", code: "x", reference: "r" });
  assert.deepEqual(await done(), { more: false });
  assert.deepEqual(await done(), { more: false });
  assert.equal((await bridge.outbox("console").pending(id)).length, 1);
  assert.equal(await worker.turns.get(id), undefined);
  const record = await worker.turns.finished(id, turn.turnId);
  assert.ok(record?.state === "failed" && record.settledAt > 0 && record.text === "go");
  assert.deepEqual(await worker.turns.claim(id, "w1"), { kind: "empty" });
});

test("two turns of a principal run at once, the third waits and is rung when one ends", async () => {
  people += 1;
  const who = principal(people);
  for (const chat of ["s1", "s2", "s3"])
    await bridge.ingress("console").accept(message(chat, "go", { principal: who }));
  const first = await claimed(worker, "console.s1");
  await claimed(worker, "console.s2");
  assert.deepEqual(await worker.turns.claim("console.s3", "w1"), { kind: "wait", reason: "principal" });
  const rung: string[] = [];
  const bell = await worker.doorbell.listen(async (c) => void rung.push(c), 4);
  await sleep(300);
  rung.length = 0;
  await worker.turns.settle(first, "answered", final("ok"));
  for (let i = 0; i < 100 && !rung.includes("console.s3"); i++) await sleep(10);
  assert.ok(rung.includes("console.s3"), "rung without a sweeper");
  await bell.close();
  assert.equal((await worker.turns.claim("console.s3", "w1")).kind, "run");
});

test("slots of a worker that died are free after their lease; a turn that runs on keeps its own", async () => {
  people += 1;
  const who = principal(people);
  for (const chat of ["d1", "d2", "d3"])
    await bridge.ingress("console").accept(message(chat, "go", { principal: who }));
  const kept = await claimed(worker, "console.d1");
  await claimed(worker, "console.d2");
  for (let i = 0; i < 4; i++) {
    await sleep(800);
    await worker.turns.renew(kept);
  }
  assert.equal((await worker.turns.claim("console.d3", "w2")).kind, "run", "d2's slot ended with its lease");
  const recovered = await worker.turns.claim("console.d2", "w2");
  assert.equal(recovered.kind, "recover", "a turn that was granted is never refused");
});

test("a claim that grants nothing gives its slot back", async () => {
  people += 1;
  const who = principal(people);
  await bridge.ingress("console").accept(message("g1", "go", { principal: who }));
  // Two rings at once: both look, one takes.
  const results = await Promise.all([
    worker.turns.claim("console.g1", "a"),
    worker.turns.claim("console.g1", "b"),
  ]);
  assert.deepEqual(results.map((r) => r.kind).sort(), ["busy", "run"]);
  for (const chat of ["g2", "g3"])
    await bridge.ingress("console").accept(message(chat, "go", { principal: who }));
  assert.equal((await worker.turns.claim("console.g2", "a")).kind, "run");
  assert.equal((await worker.turns.claim("console.g3", "a")).kind, "wait");
});

test("a conversation stays dirty until nothing is left, and a lost outbox mark is healed by clean", async () => {
  const id = await say("clean", "go");
  const mark = await worker.turns.markOf(id);
  await worker.turns.clean(id, mark);
  assert.equal(await worker.turns.markOf(id), mark, "a message waits");
  const turn = await claimed(worker, id);
  await worker.turns.clean(id, mark);
  assert.equal(await worker.turns.markOf(id), mark, "a turn is unfinished");
  await worker.turns.settle(turn, "answered", final("ok"));

  // The outbox mark gets lost, as if the worker had died between the settling script and the mark.
  const outbox = bridge.outbox("console");
  const lost = (await outbox.dirty(100)).find((d) => d.conversation === id);
  assert.ok(lost);
  await redis.send("bridge-console", "ZREM", "nc:{b:console}:out", id);
  assert.ok(!(await outbox.dirty(100)).some((d) => d.conversation === id));

  await worker.turns.clean(id, mark);
  assert.equal(await worker.turns.markOf(id), 0);
  assert.ok(
    (await outbox.dirty(100)).some((d) => d.conversation === id),
    "healed",
  );
});

test("clean with an old mark removes nothing", async () => {
  const id = await say("oldmark", "go");
  const mark = await worker.turns.markOf(id);
  const turn = await claimed(worker, id);
  await bridge.ingress("console").accept(command("oldmark", "new", { principal: principal(people) }));
  await bridge.ingress("console").accept(message("oldmark", "later", { principal: principal(people) }));
  await worker.turns.settle(turn, "answered", final("ok"));
  const later = await claimed(worker, id);
  await worker.turns.settle(later, "answered", final("ok"));
  await worker.turns.clean(id, mark);
  assert.ok((await worker.turns.markOf(id)) > mark);
});

test("the sweeper's pages reach every dirty conversation, oldest first", async () => {
  const store = redis.store("worker", { hostId: "pages" });
  const pages = redis.store("bridge-console", { hostId: "pages" });
  const all: string[] = [];
  for (let i = 0; i < 7; i++) {
    await pages.ingress("console").accept(message(`page${i}`, "x"));
    all.push(`console.page${i}`);
  }
  const seen = [];
  for (let i = 0; i < 3; i++) seen.push((await store.turns.dirty(3)).map((d) => d.conversation));
  assert.deepEqual(seen, [all.slice(0, 3), all.slice(3, 6), all.slice(6)]);
  assert.deepEqual(
    (await store.turns.dirty(3)).map((d) => d.conversation),
    all.slice(0, 3),
  );
});

test("drafts reach their bridge only", async () => {
  const got: unknown[] = [];
  const off = await bridge.outbox("console").onDraft((d) => got.push(d));
  const draft = {
    conversation: "console.d",
    turnId: `t_${"a".repeat(20)}`,
    fence: 1,
    seq: 1,
    deliver: { chat: "d" },
    kind: "text" as const,
    text: "so far",
  };
  worker.turns.draft({ ...draft, bridge: "telegram.1" });
  worker.turns.draft({ ...draft, bridge: "console" });
  for (let i = 0; i < 100 && got.length === 0; i++) await sleep(10);
  assert.deepEqual(got, [draft]);
  await off();
});

test("a sure claim takes place and turn at once, stored as dispatched to the life that it names", async () => {
  const store = redis.store("worker", { hostId: "sure" });
  const from = redis.store("bridge-console", { hostId: "sure" });
  const id = "console.sure";
  const who = principalOf("console", "sure");
  await from.ingress("console").accept(message("sure", "one"));
  const result = await store.turns.claim(id, "w1", "", { principal: who, bootId: "life-1" });
  assert.equal(result.kind, "run");
  const { turn } = result as Extract<typeof result, { kind: "run" }>;
  assert.deepEqual([turn.state, turn.bootId, turn.starts, turn.fence], ["dispatching", "life-1", 1, 1]);
  // The same start, told again: it counts once.
  assert.equal((await store.turns.advance(turn, { state: "dispatching", bootId: "life-1" }))?.starts, 1);
  await store.turns.settle(turn, "answered", final("ok"));
  assert.equal((await store.turns.claim(id, "w1", "", { principal: who, bootId: "life-1" })).kind, "empty");
});

test("a sure claim after Redis restarted is one claim, though Redis knows only some of its scripts", async () => {
  const store = redis.store("worker", { hostId: "sure2" });
  const from = redis.store("bridge-console", { hostId: "sure2" });
  const chat = "sure2";
  const id = `console.${chat}`;
  await from.ingress("console").accept(message(chat, "one"));
  const first = await claimed(store, id);
  await store.turns.settle(first, "answered", final("ok"));
  await redis.kill9();
  await redis.restart();
  await Promise.all([store.ready(), from.ready()]);
  await from.ingress("console").accept(message(chat, "two"));
  const again = await claimed(store, id); // Redis knows `take` now, and not `hold`.
  await store.turns.settle(again, "answered", final("ok"));
  await from.ingress("console").accept(message(chat, "three"));
  const sure = { principal: principalOf("console", chat), bootId: "life-1" };
  const result = await store.turns.claim(id, "w1", "", sure);
  assert.equal(result.kind, "run");
  assert.equal(result.kind === "run" ? result.turn.starts : 0, 1);
});

test("a sure claim that grants nothing, or names the wrong principal, keeps no wrong place", async () => {
  const store = redis.store("worker", { hostId: "sure3" });
  const from = redis.store("bridge-console", { hostId: "sure3" });
  const wrong = principal(77);
  const sure = { principal: wrong, bootId: "" };
  for (let i = 0; i < 3; i++)
    assert.equal((await store.turns.claim("console.none", "w1", "", sure)).kind, "empty");
  await from.ingress("console").accept(message("moved", "one"));
  assert.equal((await store.turns.claim("console.moved", "w1", "", sure)).kind, "run");
  // Both places of the wrong principal are still free.
  for (const chat of ["mine1", "mine2"]) {
    await from.ingress("console").accept(message(chat, "x", { principal: wrong }));
    assert.equal((await store.turns.claim(`console.${chat}`, "w1")).kind, "run");
  }
});
