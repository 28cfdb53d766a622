/** Messages that come in pieces: a turn begins when the last piece is there, and edits count until then. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { claimed, command, final, message } from "./events.ts";

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
const accept = (event: Parameters<ReturnType<Store["ingress"]>["accept"]>[0]) =>
  bridge.ingress("console").accept(event);

test("no turn begins while more is expected; the last piece ends the wait at once", async () => {
  await accept(message("paste", "first half", { quietMs: 2_000 }));
  const early = await worker.turns.claim("console.paste", "w1");
  assert.equal(early.kind, "busy");
  await accept(message("paste", " second half", { join: "" }));
  assert.equal((await claimed(worker, "console.paste")).text, "first half second half");
});

test("what was expected and didn't come is not waited for longer", async () => {
  await accept(message("late", "alone", { quietMs: 60 }));
  assert.equal((await worker.turns.claim("console.late", "w1")).kind, "busy");
  await sleep(80);
  assert.equal((await claimed(worker, "console.late")).text, "alone");
});

test("an edit replaces what waits, and nothing once a turn has taken it", async () => {
  const { conversations } = bridge;
  const edit = (text: string) => ({
    message: "7",
    text,
    deliver: { chat: "ed", replyTo: "7" },
    sender: { id: "1", name: "Ann" },
  });
  await accept(message("ed", 'first "wording"', { deliver: { chat: "ed", replyTo: "7" }, quietMs: 200 }));
  await accept(message("ed", "and this", { deliver: { chat: "ed", replyTo: "8" }, quietMs: 200 }));
  assert.equal(await conversations.amend("console.ed", edit("second 🐚 wording")), true);
  assert.equal(await conversations.amend("console.ed", { ...edit("x"), message: "9" }), false);
  await sleep(220);
  const turn = await claimed(worker, "console.ed");
  assert.equal(turn.text, "second 🐚 wording\n\nand this");
  assert.equal(await conversations.amend("console.ed", edit("third")), false);
  assert.equal((await worker.turns.get("console.ed"))?.text, "second 🐚 wording\n\nand this");
});

test("the native Stop ends its own turn, silently, and leaves what waits", async () => {
  await accept(message("stop", "long"));
  const turn = await claimed(worker, "console.stop");
  await accept(message("stop", "next"));
  const stop = { name: "stop" as const, turn: turn.turnId };
  const wrong = await accept({
    ...command("stop", "stop"),
    command: { ...stop, turn: `t_${"a".repeat(20)}` },
  });
  assert.equal(wrong.kind === "stop" && wrong.running, "");
  assert.deepEqual(await worker.turns.renew(turn), { kind: "ok", cancel: false, joinable: false });
  const right = await accept({ ...command("stop", "stop"), command: stop });
  assert.equal(right.kind === "stop" && right.running, turn.turnId);
  assert.deepEqual(await worker.turns.renew(turn), { kind: "ok", cancel: true, joinable: false });
  await worker.turns.settle(turn, "cancelled", { kind: "notice", code: "cancelled", params: {} });
  assert.equal((await claimed(worker, "console.stop")).text, "next");
  const answers = await bridge.outbox("console").pending("console.stop");
  assert.deepEqual(
    answers.map(({ body }) => body.kind === "notice" && body.code),
    ["cancelled"],
  );
});

test("what was said can be kept: turns with their answers, oldest first", async () => {
  for (const text of ["one", "two"]) {
    await accept(message("past", text));
    await worker.turns.settle(await claimed(worker, "console.past"), "answered", final(`re: ${text}`));
  }
  const history = await bridge.conversations.history("console.past");
  assert.deepEqual(
    history.map(({ text, answer, session }) => [text, answer, session]),
    [
      ["one", final("re: one"), 1],
      ["two", final("re: two"), 1],
    ],
  );
  assert.ok(history.every(({ acceptedAt, settledAt }) => settledAt >= acceptedAt && acceptedAt > 1.7e12));
});

test("messages are counted by Redis's clock, with the message itself and without refusing it", async () => {
  const left: number[] = [];
  for (const text of ["1", "2", "3"]) {
    const result = await accept(message("rate", text, { perMinute: 2 }));
    assert.ok(result.kind === "accepted" && result.left !== undefined);
    left.push(result.left);
  }
  assert.ok(left[0]! <= 1 && left[0]! > 0.9, String(left));
  assert.ok(left[2]! < 0 && left[2]! >= -2, String(left));
});
