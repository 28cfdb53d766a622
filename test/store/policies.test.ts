/** Revisions of policies on a real Redis with the real ACL: order, races, what is kept, who may write. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../src/lib/errors.ts";
import { POLICY_KEEP, type PolicyStorePort, type Store } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";

let redis: TestRedis;
let one: PolicyStorePort;
let two: PolicyStorePort;
const PERSON = "p_aaaaaaaaaaaaaaaaaaaa";

before(async () => {
  redis = await startTestRedis();
  const stores: Store[] = [redis.store("gateway"), redis.store("gateway", { hostId: "host2" })];
  await Promise.all(stores.map((store) => store.ready()));
  [one, two] = [stores[0]!.policies, stores[1]!.policies];
});
after(() => redis.stop());

const revision = (text: string, more: { presets?: string[]; rollbackOf?: number } = {}) => ({
  hash: `hash of ${text}`,
  by: "ann",
  note: "why",
  file: "p.yaml",
  text,
  presets: (more.presets ?? []).map((name) => ({ name, registries: [] })),
  ...(more.rollbackOf === undefined ? {} : { rollbackOf: more.rollbackOf }),
});

test("revisions are numbered from 1 and come back as they were given", async () => {
  assert.equal(await one.get("default"), undefined);
  assert.deepEqual(await one.list("default"), []);
  const first = await one.append("default", 0, revision("a: 1", { presets: ["npm"] }));
  const second = await one.append("default", 1, revision("", { rollbackOf: 1 }));
  assert.deepEqual([first.number, second.number], [1, 2]);
  assert.ok(Math.abs(first.createdAt - Date.now()) < 5_000);
  assert.deepEqual(await two.get("default", 1), first);
  assert.deepEqual(await two.get("default"), second);
  assert.equal((await two.get("default"))?.rollbackOf, 1);
  assert.deepEqual(
    (await two.list("default")).map(({ number, by, note, presets }) => [number, by, note, presets]),
    [
      [2, "ann", "why", []],
      [1, "ann", "why", ["npm"]],
    ],
  );
  assert.deepEqual(await one.heads(["default", PERSON]), [2, 0]);
  assert.equal(await one.get(PERSON), undefined, "each target has its own");
});

test("of writers who start from one revision exactly one wins; the others get a clear Fault", async () => {
  const start = (await one.heads([PERSON]))[0]!;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => (i % 2 ? one : two).append(PERSON, start, revision(`w: ${i}`))),
  );
  const lost = outcomes.filter((outcome) => outcome.status === "rejected");
  assert.equal(lost.length, 7);
  for (const { reason } of lost) {
    assert.ok(reason instanceof Fault);
    assert.equal(reason.code, "policy-conflict");
    assert.match(reason.message, /somebody else changed the policy of p_a+: it is at version 1, not 0/);
  }
  assert.deepEqual(await one.heads([PERSON]), [start + 1]);
});

test("the last 50 stay, older ones vanish with their texts", async () => {
  const target = "p_cccccccccccccccccccc";
  for (let i = 0; i < POLICY_KEEP + 3; i++) await one.append(target, i, revision(`n: ${i + 1}`));
  const kept = await one.list(target);
  assert.equal(kept.length, POLICY_KEEP);
  assert.deepEqual([kept[0]?.number, kept.at(-1)?.number], [POLICY_KEEP + 3, 4]);
  assert.equal(await one.get(target, 3), undefined);
  assert.equal((await one.get(target, 4))?.text, "n: 4");
  const fields = (await redis.send("admin", "HKEYS", `nc:{p:${target}}:policy`)) as string[];
  assert.equal(fields.length, 1 + 3 * POLICY_KEEP, "nothing of the dropped ones is left");
});

test("others are told, and what a file said last is remembered per host", async () => {
  const told: string[] = [];
  const off = await two.onPolicyHint((target) => void told.push(target));
  const head = (await one.heads(["default"]))[0]!;
  await one.append("default", head, revision("file: 1"), { host: "host1", digest: "d1" });
  for (let i = 0; i < 100 && told.length === 0; i++) await sleep(5);
  assert.deepEqual(told, ["default"]);
  assert.deepEqual(
    [await two.imported("default", "host1"), await two.imported("default", "host2")],
    ["d1", undefined],
  );
  await assert.rejects(one.append("default", head, revision("x: 1"), { host: "host1", digest: "d2" }));
  assert.equal(await one.imported("default", "host1"), "d1", "a lost race leaves no trace");
  await one.setImported("default", "host2", "d3");
  assert.equal(await one.imported("default", "host2"), "d3");
  await off();
});

test("only the gateway's user writes policy", async () => {
  await redis.send("admin", "ACL", "LOG", "RESET");
  for (const role of ["worker", "bridge-console", "bridge-telegram", "access", "operator"] as const) {
    await assert.rejects(
      redis.send(role, "HSET", `nc:{p:${PERSON}}:policy`, "head", "9"),
      /NOPERM/,
      `${role} may not`,
    );
    await assert.rejects(redis.send(role, "PUBLISH", "nc:policy", "default"), /NOPERM/, `${role} may not`);
  }
  await redis.send("admin", "ACL", "LOG", "RESET");
  const store = redis.store("gateway");
  await store.ready();
  await store.policies.list("default");
  const off = await store.policies.onPolicyHint(() => {});
  await off();
  assert.deepEqual(await redis.send("admin", "ACL", "LOG"), [], "the gateway's port works without a refusal");
});
