/** The small ports: outbox, bridge facts, turn contexts, profiles, usage, schema. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../src/lib/errors.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { silent, startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { claimed, command, final, message, principal } from "./events.ts";

let redis: TestRedis;
let bridge: Store;
let worker: Store;
let gateway: Store;
before(async () => {
  redis = await startTestRedis();
  [bridge, worker, gateway] = [redis.store("bridge-console"), redis.store("worker"), redis.store("gateway")];
  await Promise.all([bridge.ready(), worker.ready(), gateway.ready()]);
});
after(() => redis.stop());

test("an answer's parts are planned once, recorded one by one, and vanish with it", async () => {
  const out = bridge.outbox("console");
  await bridge.ingress("console").accept(message("o", "go"));
  const turn = await claimed(worker, "console.o");
  await worker.turns.settle(turn, "answered", final("long"));
  const id = turn.turnId;
  const queued = { state: "queued" as const, attempt: 0, anchor: "" };
  assert.deepEqual(await out.plan("console.o", id, 2), [queued, queued]);
  const sent = { state: "sent" as const, attempt: 1, anchor: "55" };
  await out.part("console.o", id, 0, sent);
  await out.part("console.o", id, 9, sent);
  assert.deepEqual(await out.plan("console.o", id, 7), [sent, queued], "later plans change nothing");
  const [answer] = await out.pending("console.o");
  assert.deepEqual([answer?.answerId, answer?.turnId, answer?.parts], [id, id, [sent, queued]]);
  await out.done("console.o", id);
  await out.done("console.o", id);
  await out.part("console.o", id, 0, sent);
  assert.deepEqual(await out.pending("console.o"), []);
  assert.deepEqual(await out.plan("console.o", id, 2), [], "gone");
  assert.deepEqual(
    await redis.send("admin", "HGETALL", "nc:{c:console.o}:answers"),
    [],
    "nothing left behind",
  );
});

test("answers come oldest first; the mark stays until the last is done", async () => {
  const out = bridge.outbox("console");
  await bridge.ingress("console").accept(command("order", "new"));
  await bridge.ingress("console").accept(command("order", "stop"));
  const mark = (await out.dirty(100)).find((d) => d.conversation === "console.order")?.mark ?? 0;
  const [first, second] = await out.pending("console.order");
  assert.deepEqual(
    [first, second].map((a) => a?.body.kind === "notice" && a.body.code),
    ["session-new", "nothing-to-stop"],
  );
  await out.done("console.order", first?.answerId ?? "");
  await out.clean("console.order", mark);
  assert.ok((await out.dirty(100)).some((d) => d.conversation === "console.order"));
  await out.done("console.order", second?.answerId ?? "");
  await out.clean("console.order", mark - 1);
  assert.ok(
    (await out.dirty(100)).some((d) => d.conversation === "console.order"),
    "an older mark removes nothing",
  );
  await out.clean("console.order", mark);
  assert.ok(!(await out.dirty(100)).some((d) => d.conversation === "console.order"));
});

test("an anchor goes none → sending → sent and never back", async () => {
  const out = bridge.outbox("console");
  assert.deepEqual(await out.anchor("console.an", "t1"), { state: "none", id: "" });
  await out.setAnchor("console.an", "t1", "sending", "");
  assert.deepEqual(await out.anchor("console.an", "t1"), { state: "sending", id: "" });
  await out.setAnchor("console.an", "t1", "sent", "a:7");
  await out.setAnchor("console.an", "t1", "sending", "");
  assert.deepEqual(await out.anchor("console.an", "t1"), { state: "sent", id: "a:7" });
  await out.done("console.an", "t1");
  assert.deepEqual(await out.anchor("console.an", "t1"), { state: "none", id: "" });
});

test("one poller at a time; it renews, gives back, or times out", async () => {
  const facts = bridge.bridge("console");
  assert.equal(await facts.holdPoller("a", 300), "a");
  assert.equal(await facts.holdPoller("b", 300), "a");
  assert.equal(await facts.holdPoller("a", 300), "a");
  await facts.releasePoller("b");
  assert.equal(await facts.holdPoller("b", 300), "a", "only the holder gives back");
  await facts.releasePoller("a");
  assert.equal(await facts.holdPoller("b", 200), "b");
  await sleep(250);
  assert.equal(await facts.holdPoller("a", 300), "a");
  assert.equal(await facts.holdPoller("b", 300, "somebody"), "a", "another's death proves nothing");
  assert.equal(await facts.holdPoller("b", 300, "a"), "b", "a dead holder is not waited for");
  assert.equal(await facts.memoryUse(), 0, "no maxmemory");
});

test("a stranger is told once an hour; the list is bounded", async () => {
  const facts = bridge.bridge("console");
  assert.equal(await facts.strangerKnocked("7"), true);
  assert.equal(await facts.strangerKnocked("7"), false);
  assert.equal(await facts.strangerKnocked("8"), true);
  const key = "nc:{b:console}:strangers";
  await redis.send("admin", "HSET", key, "7", `${Date.now() - 3_600_001}:2`);
  assert.equal(await facts.strangerKnocked("7"), true);
  const many = Array.from({ length: 10_000 }, (_, i) => [`m${i}`, `${Date.now()}:1`]).flat();
  await redis.send("admin", "HSET", key, ...many);
  assert.equal(await facts.strangerKnocked("one too many"), false);
  await redis.send("admin", "HSET", key, ...many.map((v) => (v.includes(":") ? "1000:1" : v)));
  assert.equal(await facts.strangerKnocked("one too many"), true, "old ones make room");
  assert.ok(Number(await redis.send("admin", "HLEN", key)) < 10);
});

test("the gateway sees unexpired contexts, newest first", async () => {
  const context = (turnId: string) => ({
    turnId,
    kind: "turn" as const,
    scopeId: "s1",
    conversation: "console.c",
  });
  const who = principal(5);
  await worker.contexts.begin(who, context("t1"), 10_000);
  await sleep(5);
  await worker.contexts.begin(who, { ...context("t2"), kind: "warmup" }, 10_000);
  await worker.contexts.begin(who, context("t3"), 1);
  await sleep(5);
  const seen = await gateway.contexts.current(who);
  assert.deepEqual(
    seen.map((c) => [c.turnId, c.kind]),
    [
      ["t2", "warmup"],
      ["t1", "turn"],
    ],
  );
  assert.ok((seen[0]?.expiresAt ?? 0) > Date.now());
  await worker.contexts.end(who, "t2");
  assert.deepEqual(
    (await gateway.contexts.current(who)).map((c) => c.turnId),
    ["t1"],
  );
  await worker.contexts.begin(who, context("t4"), 10_000);
  assert.equal(await redis.send("admin", "HLEN", `nc:{p:${who}}:turns`), 2, "expired ones are swept");
});

test("a profile keeps fields that this version doesn't know", async () => {
  const operator = redis.store("operator");
  await operator.profiles.change(principal(6), () => ({ v: 1, name: "x", fromTheFuture: { a: [] } }));
  assert.deepEqual(await gateway.profiles.get(principal(6)), { v: 1, name: "x", fromTheFuture: { a: [] } });
});

test("changes of one profile at the same time all hold", async () => {
  const operator = redis.store("operator");
  const access = redis.store("access");
  const change = (store: typeof operator, field: string) =>
    store.profiles.change(principal(8), (now) => ({ v: 1, name: "ann", ...now, [field]: 1 }));
  await Promise.all([
    ...["a", "b", "c"].map((field) => change(operator, field)),
    ...["d", "e", "f"].map((field) => change(access, field)),
  ]);
  assert.deepEqual(await gateway.profiles.get(principal(8)), {
    ...{ v: 1, name: "ann", a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 },
  });
});

test("a record that can't be read is a Fault that names it", async () => {
  await redis.send("admin", "SET", `nc:{p:${principal(7)}}:profile`, '{"v":1}');
  await assert.rejects(
    gateway.profiles.get(principal(7)),
    (e) =>
      e instanceof Fault && e.code === "store-record" && /profile/.test(e.message) && /name/.test(e.message),
  );
});

const call = { model: "m1", input: 30, output: 20, micros: 40, estimated: false, turnId: "t" };

test("a budget counts what is held and what was used, and a bill replaces its reservation once", async () => {
  const who = principal(10);
  const { usage } = gateway;
  const reserve = (id: string, tokens: number, micros = 0) =>
    usage.reserve(who, { id, tokens, micros }, { tokens: 100, micros: 1_000 });
  assert.deepEqual(await reserve("a", 60), { kind: "ok" });
  assert.deepEqual(await reserve("a", 60), { kind: "ok" }, "idempotent by id");
  assert.deepEqual(await reserve("b", 50), { kind: "denied", reason: "tokens", used: 60, limit: 100 });
  await usage.settle(who, "a", call);
  await usage.settle(who, "a", call);
  assert.deepEqual(await usage.day(who), { input: 30, output: 20, micros: 40, calls: 1 });
  assert.deepEqual(await reserve("b", 50), { kind: "ok" });
  assert.deepEqual(await reserve("c", 0, 961), { kind: "denied", reason: "micros", used: 40, limit: 1_000 });
  assert.deepEqual(await reserve("c", 0, 960), { kind: "ok" });
  await usage.settle(who, "never reserved", call);
  assert.equal((await usage.day(who)).calls, 1);
});

test("without a budget nothing is denied; parallel reservations never pass one", async () => {
  const { usage } = gateway;
  const free = await usage.reserve(principal(11), { id: "x", tokens: 1e12, micros: 1e12 }, {});
  assert.deepEqual(free, { kind: "ok" });
  const results = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      usage.reserve(principal(12), { id: `r${i}`, tokens: 10, micros: 0 }, { tokens: 95 }),
    ),
  );
  assert.equal(results.filter((r) => r.kind === "ok").length, 9);
});

test("a reservation without a bill becomes an estimated bill: a crash makes no call free", async () => {
  const who = principal(13);
  const old = Date.now() - 31 * 60_000;
  await redis.send("admin", "HSET", `nc:{p:${who}}:reserved`, "dead", `70:7:${old}`);
  const result = await gateway.usage.reserve(who, { id: "n", tokens: 1, micros: 0 }, { tokens: 1_000 });
  assert.deepEqual(result, { kind: "ok" });
  const day = new Date(old).toISOString().slice(0, 10);
  assert.deepEqual(await gateway.usage.day(who, day), { input: 70, output: 0, micros: 7, calls: 1 });
  await gateway.usage.settle(who, "dead", call);
  assert.equal((await gateway.usage.day(who, day)).calls, 1, "billed once");
});

test("days are UTC days by Redis TIME, for every day of 400 years", async () => {
  const { scripts } = await import("../../src/store/scripts.ts");
  const day = /local function day[\s\S]*?\nend\n/.exec(scripts.bill.lua)?.[0] ?? "";
  const lua = `${day} local out = {} for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do out[#out + 1] = day(i * 86400000) end return out`;
  for (let from = 0; from < 146_097; from += 7_000) {
    const got = (await redis.send("admin", "EVAL", lua, "0", String(from), String(from + 6_999))) as string[];
    assert.deepEqual(
      got,
      Array.from({ length: 7_000 }, (_, i) => new Date((from + i) * 864e5).toISOString().slice(0, 10)),
    );
  }
});

test("old days are swept, this one stays", async () => {
  const who = principal(14);
  const key = `nc:{p:${who}}:usage`;
  await redis.send("admin", "HSET", key, "2020-01-01:input", "5", "2020-01-01:m1:input", "5");
  await gateway.usage.reserve(who, { id: "s", tokens: 1, micros: 0 }, {});
  await gateway.usage.settle(who, "s", call);
  assert.equal((await gateway.usage.day(who, "2020-01-01")).input, 0);
  assert.equal((await gateway.usage.day(who)).input, 30);
});

test("data of another schema is refused by name; new data is stamped once", async () => {
  const supervisor = redis.store("supervisor");
  await supervisor.ready();
  await supervisor.prepare(false);
  assert.equal(await redis.send("admin", "GET", "nc:schema"), '{"min":1,"max":1}');
  await redis.send("admin", "SET", "nc:schema", '{"min":5,"max":6}');
  await assert.rejects(
    redis.store("worker").ready(),
    (e) =>
      e instanceof Fault && e.code === "schema-version" && /worker reads schema 1.*5 to 6/.test(e.message),
  );
  await redis.send("admin", "SET", "nc:schema", '{"min":1,"max":1}');
});

test("plain redis:// to another machine is refused", () => {
  const open = (url: string) => openStore({ url, hostId: "h", logger: silent }).close();
  assert.throws(
    () => open("redis://10.0.0.1:6379"),
    (e) => e instanceof Fault && e.code === "redis-plaintext",
  );
  assert.throws(
    () => open("http://127.0.0.1"),
    (e) => e instanceof Fault && e.code === "redis-plaintext",
  );
});
