/** How far channels were read, and who listens to which shard: over a real Redis with the bridge's own rights. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { SocketPort, Store } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";

let redis: TestRedis;
let store: Store;
let port: SocketPort;
let n = 0;
before(async () => {
  redis = await startTestRedis();
  store = redis.store("bridge-discord");
  await store.ready();
});
after(() => redis.stop());
const fresh = () => {
  port = store.sockets(`discord.${++n}`);
  return port;
};

test("a watermark only goes up, by number and not by text", async () => {
  fresh();
  const at = (id: string) => port.advance([{ channel: "1", id, place: "7" }], "0");
  for (const id of ["99", "1000000000000000000", "999999999999999999", "100"]) await at(id);
  assert.deepEqual(await port.watermarks(), new Map([["1", { id: "1000000000000000000", place: "7" }]]));
});

test("several channels in one step, a DM without a place", async () => {
  fresh();
  await port.advance(
    [
      { channel: "1", id: "5", place: "7" },
      { channel: "2", id: "6", place: "" },
    ],
    "0",
  );
  assert.deepEqual((await port.watermarks()).get("2"), { id: "6", place: "" });
  await port.advance([], "0");
});

test("when there are too many channels, the longest silent ones are forgotten", async () => {
  fresh();
  const many = Array.from({ length: 10_000 }, (_, i) => ({
    channel: String(i),
    id: String(100 + i),
    place: "",
  }));
  await port.advance(many, "0");
  await port.advance([{ channel: "new", id: "99999", place: "" }], "5000");
  const marks = await port.watermarks();
  assert.ok(marks.has("new") && marks.has("9999") && !marks.has("0"));
  assert.equal(marks.size, 10_000 - 4_900 + 1);
});

test("one process has all shards, two have half each, and a dead one's go to the other", async () => {
  fresh();
  assert.deepEqual((await port.holdShards("a", 4, 500)).shards, [0, 1, 2, 3]);
  assert.deepEqual((await port.holdShards("b", 4, 500)).shards, [], "nothing is free yet");
  assert.deepEqual(
    (await port.holdShards("a", 4, 500)).shards,
    [0, 1],
    "the older gives up what is above its share",
  );
  const { shards, members } = await port.holdShards("b", 4, 500);
  assert.deepEqual(shards, [2, 3]);
  assert.deepEqual(members.toSorted(), ["a", "b"]);
  await sleep(600);
  assert.deepEqual((await port.holdShards("b", 4, 500)).shards, [0, 1, 2, 3]);
});

test("an owner that is known to be dead needn't be waited for", async () => {
  fresh();
  await port.holdShards("a", 2, 60_000);
  assert.deepEqual((await port.holdShards("b", 2, 60_000, ["a"])).shards, [0, 1]);
});

test("giving back frees everything at once, and fewer shards are no trouble", async () => {
  fresh();
  await port.holdShards("a", 3, 60_000);
  assert.deepEqual((await port.holdShards("a", 2, 60_000)).shards, [0, 1]);
  assert.deepEqual((await port.holdShards("a", 2, 0)).shards, []);
  assert.deepEqual((await port.holdShards("b", 2, 60_000)).members, ["b"]);
});

test("one identify per bucket in the platform's time, whoever asks", async () => {
  fresh();
  assert.equal(await port.mayIdentify(0, "a", 200), true);
  assert.equal(await port.mayIdentify(0, "a", 200), false);
  assert.equal(await port.mayIdentify(0, "b", 200), false);
  assert.equal(await port.mayIdentify(1, "b", 200), true);
  await sleep(250);
  assert.equal(await port.mayIdentify(0, "b", 200), true);
});

test("no other platform's bridge may touch them", async () => {
  for (const args of [
    ["HGETALL", "nc:{b:discord.1}:watermarks"],
    ["HSET", "nc:{b:discord.1}:shards", "0", "x"],
  ])
    await assert.rejects(redis.send("bridge-telegram", args[0]!, ...args.slice(1)), /NOPERM/);
});
