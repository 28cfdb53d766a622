/** Mode `steer` in the store: a message that waits joins the running turn or stays, and has one end, whatever dies when. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { repeated, type Store, type TurnRecord } from "../../src/store/index.ts";
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

let people = 0;
/** A conversation in a mode with a running turn; each has a principal of its own. */
async function running(chat: string, mode: "steer" | "followup" = "steer") {
  people += 1;
  const who = { principal: principal(people) };
  const accept = bridge.ingress("console").accept;
  const say = (text: string, more: object = {}) => accept(message(chat, text, { ...who, ...more }));
  const order = (name: string, more: object = {}) =>
    accept({ ...command(chat, "new", who), command: { name, ...more } as never });
  await order("queue", { mode });
  await say("first");
  const turn = await claimed(worker, `console.${chat}`);
  await worker.turns.advance(turn, { state: "running" });
  return { id: `console.${chat}`, turn, say, order };
}
const joined = async (turn: TurnRecord) => (await worker.turns.join(turn))?.steered?.map(({ text }) => text);
const waiting = async (id: string) => (await bridge.conversations.look(id)).waiting;

test("waiting messages join, in order, and end with the turn, whose whole text a retry and an export have", async () => {
  const { id, turn, say } = await running("both");
  const result = await say("second");
  assert.ok(result.kind === "accepted" && result.steers === turn.turnId);
  assert.deepEqual(await worker.turns.renew(turn), { kind: "ok", cancel: false, joinable: true });
  assert.deepEqual(await joined(turn), ["second"]);
  assert.deepEqual(await worker.turns.renew(turn), { kind: "ok", cancel: false, joinable: false });
  await say("third");
  assert.deepEqual(await joined(turn), ["second", "third"]);
  assert.deepEqual(await joined(turn), ["second", "third"], "repeating it joins nothing twice");
  assert.equal(await waiting(id), 0);
  const seqs = (await worker.turns.get(id))?.steered?.map(({ seq }) => seq) ?? [];
  assert.deepEqual(await worker.turns.settle(turn, "failed", final("no"), seqs), { more: false });
  assert.equal((await worker.turns.claim(id, "w1")).kind, "empty");
  const past = await worker.turns.finished(id, turn.turnId);
  assert.equal(repeated(past!).text, "first\n\nsecond\n\nthird");
  assert.deepEqual(
    (await bridge.conversations.history(id)).map(({ text }) => text),
    ["first\n\nsecond\n\nthird"],
  );
});

test("what the agent didn't take waits again, before later ones, and is the next turn; repeated settling changes nothing", async () => {
  const { id, turn, say } = await running("back");
  await say("second");
  await say("third");
  await joined(turn);
  await say("fourth");
  const [second] = (await worker.turns.get(id))?.steered ?? [];
  const settle = () => worker.turns.settle(turn, "answered", final("ok"), [second!.seq]);
  assert.deepEqual(await settle(), { more: true });
  assert.deepEqual(await settle(), { more: true });
  assert.equal(repeated((await worker.turns.finished(id, turn.turnId))!).text, "first\n\nsecond");
  assert.equal((await claimed(worker, id)).text, "third\n\nfourth");
});

test("only in this mode, only while it runs, only its holder, only of its session and model, and no files", async () => {
  const follow = await running("follow", "followup");
  await follow.say("later");
  assert.deepEqual(await worker.turns.renew(follow.turn), { kind: "ok", cancel: false, joinable: false });
  assert.equal(await joined(follow.turn), undefined);
  const { id, turn, say } = await running("limits");
  assert.equal(await worker.turns.join({ ...turn, fence: turn.fence - 1 }), undefined);
  const file = {
    name: "a",
    mime: "text/plain",
    size: 1,
    sha256: "a".repeat(64),
    spool: `f_${"a".repeat(20)}`,
  };
  await say("look at this", { attachments: [file] });
  await say("behind the file");
  assert.equal(await joined(turn), undefined, "order is kept");
  assert.equal(await waiting(id), 2);
  const other = await running("session");
  await other.order("new");
  await other.say("of the new session");
  assert.equal(await joined(other.turn), undefined);
  const modelled = await running("model");
  await modelled.order("model", { model: "demo/other" });
  await modelled.say("for the other model");
  assert.equal(await joined(modelled.turn), undefined);
  const early = await running("early");
  await early.say("pieces follow", { quietMs: 300 });
  assert.equal(await joined(early.turn), undefined);
  await sleep(350);
  assert.deepEqual(await joined(early.turn), ["pieces follow"]);
});

test("a stop ends what had joined with the turn; nothing joins a turn that is being stopped", async () => {
  const { id, turn, say, order } = await running("stop");
  await say("second");
  await joined(turn);
  await order("stop");
  await say("after the stop");
  assert.deepEqual(await joined(turn), ["second"]);
  assert.equal((await worker.turns.renew(turn)).kind, "ok");
  // The guest never had it: stopped all the same.
  await worker.turns.settle(turn, "cancelled", { kind: "notice", code: "cancelled", params: {} }, []);
  assert.equal((await claimed(worker, id)).text, "after the stop");
});

test("whoever takes the turn over finds what has joined", async () => {
  const { id, turn, say } = await running("over");
  await say('second "☕"');
  await joined(turn);
  await sleep(3_100);
  const recovered = await worker.turns.claim(id, "w2");
  assert.ok(recovered.kind === "recover");
  assert.deepEqual(
    recovered.turn.steered?.map(({ text, sender }) => [text, typeof sender]),
    [['second "☕"', "string"]],
  );
  assert.equal(await worker.turns.join(turn), undefined, "and the former holder joins nothing");
});
