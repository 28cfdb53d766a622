/**
 * Redis is killed with SIGKILL under load and comes back on the same append-only file: nothing is lost, doubled or
 * reordered. Bridge and worker are reduced to what they owe the store: a bridge repeats an update until it is accepted,
 * a worker acts on what it holds and lets go of what it lost. Agents live outside Redis and run a turn id once.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../src/lib/errors.ts";
import type { Store, TurnRecord } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { final, message } from "./events.ts";

const CHATS = 8;
const MESSAGES = 40;

let redis: TestRedis;
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());

let faults = 0;
/** Repeats until it works; anything but "Redis is away" ends the test. */
async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    const started = performance.now();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Fault && error.retryable)) throw error;
      assert.ok(performance.now() - started < 3 * 2_000, "nothing waits longer than its bound");
      faults += 1;
      await sleep(20);
    }
  }
}

async function worker(store: Store, owner: string, effects: string[], stop: AbortSignal) {
  const act = async (turn: TurnRecord) => {
    if (!effects.includes(turn.turnId)) effects.push(turn.turnId);
    await sleep(Math.random() * 30);
    await insist(() => store.turns.settle(turn, "answered", final(turn.text)));
  };
  const bell = await store.doorbell.listen(async (conversation) => {
    for (;;) {
      const mark = await insist(() => store.turns.markOf(conversation));
      const claim = await insist(() => store.turns.claim(conversation, owner));
      if (claim.kind === "run" || claim.kind === "recover") await act(claim.turn);
      else {
        if (claim.kind === "empty") await insist(() => store.turns.clean(conversation, mark));
        return;
      }
    }
  }, 4);
  while (!stop.aborted) {
    for (const { conversation } of await store.turns.dirty(100).catch(() => [])) void bell.ring(conversation);
    await sleep(100);
  }
  await bell.close();
}

async function deliver(
  store: Store,
  seen: Map<string, { conversation: string; text: string }>,
  stop: AbortSignal,
) {
  const out = store.outbox("console");
  while (!stop.aborted) {
    for (const { conversation, mark } of await out.dirty(100).catch(() => [])) {
      for (const { answerId, body } of await insist(() => out.pending(conversation))) {
        if (body.kind === "final") seen.set(answerId, { conversation, text: body.markdown });
        await insist(() => out.done(conversation, answerId));
      }
      await insist(() => out.clean(conversation, mark));
    }
    await sleep(20);
  }
}

test("a 10 s outage and a quick restart under load: each message once, in order", {
  timeout: 120_000,
}, async () => {
  const [bridge, work] = [redis.store("bridge-console"), redis.store("worker")];
  await Promise.all([bridge.ready(), work.ready()]);
  const stop = new AbortController();
  const effects: string[] = [];
  const answers = new Map<string, { conversation: string; text: string }>();
  const loops = [worker(work, "w1", effects, stop.signal), deliver(bridge, answers, stop.signal)];

  let accepted = 0;
  let duplicates = 0;
  const chat = async (n: number) => {
    for (let i = 0; i < MESSAGES; i++) {
      const event = message(`o${n}`, `${n}-${i};`);
      // A full mailbox is answered, not lost: say it again, as a user would.
      for (let again = 0; ; again++) {
        const result = await insist(() =>
          bridge.ingress("console").accept({ ...event, updateKey: `${event.updateKey}.${again}` }),
        );
        if (result.duplicate) duplicates += 1;
        if (result.kind === "accepted") break;
        await sleep(50);
      }
      accepted += 1;
      await sleep(Math.random() * 20);
    }
  };
  const chats = Promise.all(Array.from({ length: CHATS }, (_, n) => chat(n)));

  await sleep(400);
  await redis.kill9();
  // What Redis had answered already may still be on its way to us.
  await sleep(200);
  const before = accepted;
  await sleep(9_800);
  assert.equal(accepted, before, "nothing is acknowledged while Redis is away");
  await redis.restart();
  await sleep(500);
  await redis.kill9();
  await redis.restart();
  await chats;

  const said = () => [...answers.values()].reduce((sum, a) => sum + a.text.split(";").length - 1, 0);
  for (let i = 0; i < 300 && said() < CHATS * MESSAGES; i++) await sleep(100);
  await sleep(1_000);
  stop.abort();
  await Promise.all(loops);

  assert.ok(faults > 0 && before > 0 && before < CHATS * MESSAGES, "the outage hit the load");
  for (let n = 0; n < CHATS; n++) {
    const got = [...answers.values()].filter((a) => a.conversation === `console.o${n}`);
    const order = got.flatMap((a) => a.text.split(/;\s*/).filter(Boolean));
    assert.deepEqual(
      order,
      Array.from({ length: MESSAGES }, (_, i) => `${n}-${i}`),
      `conversation ${n}`,
    );
  }
  assert.equal(new Set(effects).size, effects.length);
  assert.deepEqual(
    [...effects].sort(),
    [...answers.keys()].filter((id) => id.startsWith("t_")).sort(),
    "one answer per run",
  );
  assert.deepEqual(await work.turns.dirty(10), [], "nothing is left over");
  assert.deepEqual(await bridge.outbox("console").dirty(10), []);
  console.log(
    `accepted ${accepted}, redelivered ${duplicates}, turns ${effects.length}, faults seen ${faults}`,
  );
});

test("after a restart a lease gets one grace period, from when the new Redis was first seen", {
  timeout: 60_000,
}, async () => {
  const [bridge, work] = [redis.store("bridge-console"), redis.store("worker")];
  await Promise.all([bridge.ready(), work.ready()]);
  await bridge.ingress("console").accept(message("grace", "go"));
  const claim = await work.turns.claim("console.grace", "w1");
  assert.ok(claim.kind === "run");
  await redis.kill9();
  await sleep(4_000);
  await redis.restart();
  await Promise.all([bridge.ready(), work.ready()]);
  const now = Date.now();
  const busy = await work.turns.claim("console.grace", "w2");
  assert.ok(busy.kind === "busy", "its lease ended during the outage, but its holder had no chance to renew");
  assert.ok(busy.leaseUntil > now + 2_000 && busy.leaseUntil <= now + 3_500);
  assert.deepEqual(
    await work.turns.renew(claim.turn),
    { kind: "ok", cancel: false, joinable: false },
    "the holder goes on",
  );
  assert.deepEqual(await work.turns.settle(claim.turn, "answered", final("ok")), { more: false });

  await bridge.ingress("console").accept(message("grace", "again"));
  const next = await work.turns.claim("console.grace", "w1");
  assert.ok(next.kind === "run");
  await sleep(3_200);
  assert.equal((await work.turns.claim("console.grace", "w2")).kind, "recover", "only one grace period");
});

test("a Redis that hangs is an outage too: bounded waiting, and work goes on when it wakes", {
  timeout: 60_000,
}, async () => {
  const bridge = redis.store("bridge-console");
  await bridge.ready();
  const event = message("hang", "x");
  process.kill(redis.pid(), "SIGSTOP");
  try {
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      await assert.rejects(
        bridge.ingress("console").accept(event),
        (e) => e instanceof Fault && e.code === "redis-unreachable" && e.retryable,
      );
      assert.ok(performance.now() - started < 3 * 2_000);
    }
  } finally {
    process.kill(redis.pid(), "SIGCONT");
  }
  await bridge.ready();
  const first = await insist(() => bridge.ingress("console").accept(event));
  assert.equal(first.kind === "accepted" && first.seq, 1, "however often it was sent, it is one message");
});
