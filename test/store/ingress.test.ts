import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Fault } from "../../src/lib/errors.ts";
import type { IngressEvent, Store } from "../../src/store/index.ts";
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

const accept = (event: Parameters<ReturnType<Store["ingress"]>["accept"]>[0]) =>
  bridge.ingress("console").accept(event);
const notices = async (chat: string) =>
  (await bridge.outbox("console").pending(`console.${chat}`))
    .map((a) => a.body)
    .filter((b) => b.kind === "notice");

test("messages get rising seqs, the present session and how many are ahead", async () => {
  assert.deepEqual(await accept(message("seq", "a")), {
    kind: "accepted",
    seq: 1,
    session: 1,
    ahead: 0,
    duplicate: false,
  });
  const second = await accept(message("seq", "b"));
  assert.deepEqual(second.kind === "accepted" && [second.seq, second.ahead], [2, 1]);
  await claimed(worker, "console.seq");
  const third = await accept(message("seq", "c"));
  assert.deepEqual(
    third.kind === "accepted" && [third.seq, third.ahead],
    [3, 1],
    "the running turn is ahead",
  );
});

test("a repeated update returns its first outcome, stores nothing, and repeats the mark", async () => {
  const event = message("dup", "once");
  const first = await accept(event);
  const { mark } = (await worker.turns.dirty(100)).find((d) => d.conversation === "console.dup") ?? {
    mark: 0,
  };
  const again = await accept({ ...event, text: "other text" });
  assert.deepEqual(again, { ...first, duplicate: true });
  assert.ok((await worker.turns.markOf("console.dup")) > mark, "healed a lost mark");
  assert.equal((await claimed(worker, "console.dup")).text, "once");
});

test("the same update id in two conversations is two updates", async () => {
  await accept(message("k1", "x", { updateKey: "same" }));
  const other = await accept(message("k2", "x", { updateKey: "same" }));
  assert.equal(other.duplicate, false);
});

test("the 21st waiting message is answered queue-full, durably and once", async () => {
  for (let i = 0; i < 20; i++) assert.equal((await accept(message("full", `m${i}`))).kind, "accepted");
  const event = message("full", "one too many");
  assert.deepEqual(await accept(event), { kind: "full", waiting: 20, duplicate: false });
  assert.deepEqual(await accept(event), { kind: "full", waiting: 20, duplicate: true });
  assert.deepEqual(await notices("full"), [
    { kind: "notice", code: "queue-full", params: { waiting: "20" } },
  ]);
  assert.ok((await bridge.outbox("console").dirty(100)).some((d) => d.conversation === "console.full"));
  const turn = await claimed(worker, "console.full");
  assert.equal(turn.seqs.length, 20);
  assert.equal((await accept(message("full", "fits again"))).kind, "accepted");
});

test("refusals in a row are told together, each counted, until the notice is read", async () => {
  const refused = async (text: string, extra: Partial<IngressEvent> = {}) =>
    assert.equal((await accept(message("many", text, extra))).kind, "full");
  const said = async () =>
    (await bridge.outbox("console").pending("console.many")).map(({ body, deliver }) => [
      body.kind === "notice" && body.params,
      deliver.replyTo,
    ]);
  for (let i = 0; i < 20; i++) await accept(message("many", `m${i}`));
  const at = (replyTo: string) => ({ deliver: { chat: "many", replyTo } });
  await refused("r1", at("1"));
  await refused("r2", at("2"));
  const last = message("many", "r3", at("3"));
  await accept(last);
  assert.equal((await accept(last)).duplicate, true);
  const first = [{ waiting: "20", count: "3" }, "3"];
  assert.deepEqual(await said(), [first], "one notice, at the last of them");
  await refused("r4", at("4"));
  await refused("of somebody else", { ...at("5"), sender: { id: "other", name: "Other" } });
  const alone = (replyTo: string) => [{ waiting: "20" }, replyTo];
  assert.deepEqual(await said(), [first, alone("4"), alone("5")], "what was read isn't added to");
  await refused("r6", at("6"));
  await claimed(worker, "console.many");
  assert.equal((await accept(message("many", "fits", at("7")))).kind, "accepted");
  for (let i = 0; i < 19; i++) await accept(message("many", `n${i}`));
  await refused("r8", at("8"));
  assert.deepEqual((await said()).slice(3), [alone("6"), alone("8")], "not in a row");
});

test("/new starts a session at its seq; messages keep the session valid at theirs", async () => {
  await accept(message("new", "old one"));
  assert.deepEqual(await accept(command("new", "new")), {
    kind: "session",
    seq: 2,
    session: 2,
    duplicate: false,
  });
  await accept(message("new", "new one"));
  await accept(message("new", "new two"));
  assert.deepEqual(await notices("new"), [{ kind: "notice", code: "session-new", params: { session: "2" } }]);

  const first = await claimed(worker, "console.new");
  assert.deepEqual([first.text, first.session], ["old one", 1], "a turn stops at a session's border");
  assert.deepEqual(await worker.turns.settle(first, "answered", final("ok")), { more: true });
  const second = await claimed(worker, "console.new");
  assert.deepEqual([second.text, second.session, second.seqs], ["new one\n\nnew two", 2, [3, 4]]);
});

test("/stop discards what waits, cancels what runs, says how many, and lets later messages run", async () => {
  await accept(message("stop", "running"));
  const turn = await claimed(worker, "console.stop");
  await accept(message("stop", "w1"));
  await accept(message("stop", "w2"));
  assert.deepEqual(await worker.turns.renew(turn), { kind: "ok", cancel: false, joinable: false });
  const event = command("stop", "stop");
  const stopped = { kind: "stop", seq: 4, running: turn.turnId, discarded: 2 };
  assert.deepEqual(await accept(event), { ...stopped, duplicate: false });
  assert.deepEqual(await accept(event), { ...stopped, duplicate: true });
  assert.deepEqual(await notices("stop"), [
    { kind: "notice", code: "stopped", params: { discarded: "2", running: "1" } },
  ]);
  await accept(message("stop", "after"));
  assert.deepEqual(
    await worker.turns.renew(turn),
    { kind: "ok", cancel: true, joinable: false },
    "seen without any hint",
  );
  await worker.turns.settle(turn, "cancelled", { kind: "notice", code: "cancelled", params: {} });
  const next = await claimed(worker, "console.stop");
  assert.equal(next.text, "after");
  assert.deepEqual(await worker.turns.renew(next), { kind: "ok", cancel: false, joinable: false });
});

test("/stop with nothing to stop says so", async () => {
  const outcome = await accept(command("idle", "stop"));
  assert.deepEqual(outcome, { kind: "stop", seq: 1, running: "", discarded: 0, duplicate: false });
  assert.deepEqual(await notices("idle"), [{ kind: "notice", code: "nothing-to-stop", params: {} }]);
});

test("/stop is hinted to the worker", async () => {
  const hints: string[] = [];
  const off = await worker.turns.onCancelHint((c) => hints.push(c));
  await accept(command("hint", "stop"));
  for (let i = 0; i < 100 && hints.length === 0; i++) await new Promise((r) => setTimeout(r, 10));
  assert.deepEqual(hints, ["console.hint"]);
  await off();
});

test("the worker learns of a message without BullMQ and without polling", async () => {
  const waked: string[] = [];
  const off = await worker.turns.onWakeHint((p) => waked.push(p));
  await bridge.ingress("console").wakeHint(principal());
  for (let i = 0; i < 100 && waked.length === 0; i++) await new Promise((r) => setTimeout(r, 10));
  assert.deepEqual(waked, [principal()]);
  await off();
});

const hard: [name: string, text: string, stored?: string][] = [
  ["every control character", Array.from({ length: 32 }, (_, i) => String.fromCharCode(i)).join("")],
  ["quotes, slashes and JSON", '{"a":"b\\"c"} \\u0041 </x> \\'],
  ["emoji and right-to-left", "👩‍👩‍👧‍👦 שלום \u202e"],
  ["half an emoji", "cut \ud83d here", "cut \ufffd here"],
  ["percent and Lua patterns", "%d+ %% %s %1"],
];
for (const [name, text, stored = text] of hard) {
  test(`text survives byte by byte: ${name}`, async () => {
    const chat = `t${hard.findIndex(([n]) => n === name)}`;
    await accept(
      message(chat, text, { sender: { id: "1", name: text.slice(0, 128) }, deliver: { chat, replyTo: "9" } }),
    );
    const turn = await claimed(worker, `console.${chat}`);
    assert.equal(turn.text, stored);
    assert.deepEqual(turn.deliver, { chat, replyTo: "9" });
    await worker.turns.settle(turn, "answered", final(text));
    const [answer] = await bridge.outbox("console").pending(`console.${chat}`);
    assert.deepEqual(answer?.body, final(stored));
  });
}

const refused: [name: string, event: unknown, code: string][] = [
  ["a conversation with a brace", message("x", "t", { conversation: "console.a}b" }), "bad-event"],
  ["a conversation with a colon", message("x", "t", { conversation: "console.a:b" }), "bad-event"],
  ["an update key with a quote", message("x", "t", { updateKey: 'a"b' }), "bad-event"],
  ["a foreign bridge", message("x", "t", { bridge: "telegram.1" }), "bad-event"],
  ["text and command", { ...message("x", "t"), command: { name: "stop" } }, "bad-event"],
  ["neither", (({ text: _, ...rest }) => rest)(message("x", "t")), "bad-event"],
  ["65537 bytes", message("x", `${"ä".repeat(32_768)}a`), "text-too-long"],
];
for (const [name, event, code] of refused) {
  test(`refused with a reason: ${name}`, async () => {
    await assert.rejects(accept(event as never), (error) => error instanceof Fault && error.code === code);
  });
}

test("65536 bytes of text are taken whole", async () => {
  await accept(message("big", "ä".repeat(32_768)));
  assert.equal(Buffer.byteLength((await claimed(worker, "console.big")).text), 65_536);
});
