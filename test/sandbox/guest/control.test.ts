/** The control protocol over the real guest and the fake agent: idempotent, fenced, replayable, never lost, never doubled. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MAX_FRAME, type TurnEvent } from "../../../src/sandbox/guest/protocol.ts";
import { type Rig, startRig, until } from "./harness.ts";

let rig: Rig;
before(async () => {
  rig = await startRig();
});
after(() => rig?.close());

const shown = (events: { event: TurnEvent }[]) =>
  events.reduce((text, { event }) => {
    if (event.kind === "delta") return text + event.text;
    return event.kind === "text" ? event.text : text;
  }, "");

test("the warm-up turn never reached the gateway", () => {
  assert.deepEqual(rig.model.seen, []);
});

test("a turn streams, ends once, with rising numbers, and its ack comes first", async () => {
  const from = rig.host.frames.length;
  await rig.host.run("t-stream", "slow 6");
  const end = await rig.host.outcome("t-stream");
  assert.deepEqual(end, { kind: "final", text: "word0 word1 word2 word3 word4 word5 " });
  const events = rig.host.events("t-stream");
  assert.deepEqual(
    events.map((e) => e.seq),
    events.map((_, i) => i + 1),
  );
  assert.ok(events.filter((e) => e.event.kind === "delta").length >= 4, "streamed");
  assert.equal(shown(events), end.text);
  const types = rig.host.frames.slice(from).map((f) => f.type);
  assert.ok(types.indexOf("ack") < types.indexOf("event"));
});

test("run is idempotent by turnId: one model call, one outcome, also when it is over", async () => {
  const before = rig.model.seen.length;
  const [first, second] = await Promise.all([rig.host.run("t-same", "once"), rig.host.run("t-same", "once")]);
  assert.ok(first.ok && second.ok);
  await rig.host.outcome("t-same");
  const third = await rig.host.run("t-same", "once");
  assert.ok(third.ok && third.turn?.state === "done");
  await sleep(100);
  assert.equal(rig.model.seen.length, before + 1);
  const finals = rig.host.events("t-same").filter((e) => e.event.kind === "final");
  assert.equal(new Set(finals.map((e) => e.seq)).size, 1);
});

test("one turn at a time per session, several sessions at once, context kept per session", async () => {
  await rig.host.run("t-a1", "slow 5", { sessionKey: "a:1" });
  const refused = await rig.host.run("t-a2", "hello", { sessionKey: "a:1" });
  assert.ok(!refused.ok && refused.error === "busy");
  await rig.host.run("t-b1", "hello", { sessionKey: "b:1" });
  await rig.host.outcome("t-b1");
  assert.equal(
    rig.host.events("t-a1").some((e) => e.event.kind === "final"),
    false,
  );
  await rig.host.outcome("t-a1");
});

test("a lower fence is refused, per conversation", async () => {
  const error = (ack: Awaited<ReturnType<typeof rig.host.run>>) => (ack.ok ? "ok" : ack.error);
  assert.equal(error(await rig.host.run("t-f1", "hi", { sessionKey: "f:1", fence: 7 })), "ok");
  await rig.host.outcome("t-f1");
  assert.equal(error(await rig.host.run("t-f0", "hi", { sessionKey: "f:2", fence: 6 })), "stale-fence");
  assert.equal(error(await rig.host.run("t-g1", "hi", { sessionKey: "g:1", fence: 3 })), "ok");
  await rig.host.outcome("t-g1");
  // A new owner of the same turn has a higher fence; the old one may no longer cancel or attach.
  assert.equal(error(await rig.host.ask({ type: "attach", turnId: "t-f1", fence: 9, afterSeq: 0 })), "ok");
  assert.equal(error(await rig.host.ask({ type: "cancel", turnId: "t-f1", fence: 7 })), "stale-fence");
  assert.equal(error(await rig.host.run("t-f1", "hi", { sessionKey: "f:1", fence: 7 })), "stale-fence");
  assert.equal(
    error(await rig.host.ask({ type: "attach", turnId: "t-none", fence: 9, afterSeq: 0 })),
    "unknown-turn",
  );
  const seen = rig.model.seen.filter((s) => s.user === "hi").length;
  assert.equal(seen, 2, "the refused run reached the model");
});

test("the host goes away in mid-stream: the turn goes on, attach replays and follows", async () => {
  await rig.host.run("t-cut", "slow 20", { sessionKey: "cut:1" });
  await until(() => rig.host.events("t-cut").length >= 4, "some events");
  const stored = rig.host.events("t-cut").slice(0, 3);
  rig.host.send({ type: "received", turnId: "t-cut", seq: 3 });
  const mark = rig.host.frames.length;
  rig.host.drop();
  const hello = await rig.host.hello(mark);
  assert.equal(hello.bootId, rig.bootId);
  assert.equal(hello.agent, "busy");
  const turn = hello.turns.find((t) => t.turnId === "t-cut");
  assert.equal(turn?.state, "running");
  assert.equal(rig.host.events("t-cut", mark).length, 0, "no event before attach");
  const ack = await rig.host.ask({ type: "attach", turnId: "t-cut", fence: 2, afterSeq: 3 });
  assert.ok(ack.ok && ack.turn?.fence === 2);
  const end = await rig.host.outcome("t-cut");
  assert.equal(end.kind, "final");
  const events = [...stored, ...rig.host.events("t-cut", mark)];
  const seqs = events.map((e) => e.seq);
  assert.deepEqual(
    seqs,
    [...seqs].sort((a, b) => a - b),
  );
  assert.equal(new Set(seqs).size, seqs.length);
  assert.equal(shown(events), end.kind === "final" && end.text);
});

test("a host that starts anew, knowing nothing, still shows the whole text so far", async () => {
  await rig.host.run("t-late", "slow 12", { sessionKey: "late:1" });
  await until(() => rig.host.events("t-late").length >= 5, "some events");
  const mark = rig.host.frames.length;
  rig.host.drop();
  await rig.host.hello(mark);
  const ack = await rig.host.ask({ type: "attach", turnId: "t-late", fence: 2, afterSeq: 5 });
  assert.ok(ack.ok);
  const text = await until(
    () => rig.host.events("t-late", mark).find((e) => e.event.kind === "text"),
    "text so far",
  );
  assert.ok(text.event.kind === "text" && text.event.text.startsWith("word0 word1 "));
  const end = await rig.host.outcome("t-late");
  assert.equal(shown(rig.host.events("t-late", mark)), end.kind === "final" && end.text);
});

test("a turn that ends while no host is there is kept until it is stored", async () => {
  await rig.host.run("t-alone", "slow 4");
  const mark = rig.host.frames.length;
  rig.host.accepting = false;
  rig.host.drop();
  await sleep(900);
  rig.host.accepting = true;
  const hello = await rig.host.hello(mark);
  assert.equal(hello.turns.find((t) => t.turnId === "t-alone")?.state, "done");
  await rig.host.ask({ type: "attach", turnId: "t-alone", fence: 1, afterSeq: 0 });
  assert.equal((await rig.host.outcome("t-alone")).kind, "final");
  const last = rig.host.events("t-alone").at(-1)?.seq ?? 0;
  rig.host.send({ type: "received", turnId: "t-alone", seq: last });
  const from = rig.host.frames.length;
  await rig.host.ask({ type: "attach", turnId: "t-alone", fence: 1, afterSeq: 0 });
  await sleep(50);
  assert.equal(rig.host.events("t-alone", from).length, 0);
});

test("a host that doesn't read costs the guest no memory and loses no outcome", async () => {
  const rss = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${rig.guest.pid}/status`, "utf8"))?.[1]) / 1024;
  const before = rss();
  rig.host.pause();
  rig.host.send({
    type: "run",
    id: 9_001,
    turnId: "t-flood",
    fence: 1,
    sessionKey: "c:1",
    text: "flood 6",
    mode: "warm",
    timeoutMs: 60_000,
  });
  await until(() => rig.model.seen.some((s) => s.user === "flood 6"), "model call");
  await sleep(2_000);
  const grown = rss() - before;
  assert.ok(grown < 120, `the guest grew by ${grown} MB`);
  rig.host.resume();
  const end = await rig.host.outcome("t-flood", 30_000);
  assert.ok(end.kind === "final" && end.text.length > 10_000);
});

test("files of the home go in and out", async () => {
  const bytes = randomBytes(150_000);
  for (let at = 0; at < bytes.length; at += 90_000) {
    const data = bytes.subarray(at, at + 90_000).toString("base64");
    const ack = await rig.host.ask({
      type: "file.put",
      path: "up/x.bin",
      offset: at,
      data,
      last: at + 90_000 >= bytes.length,
    });
    assert.ok(ack.ok, JSON.stringify(ack));
  }
  assert.deepEqual(readFileSync(join(rig.home, "up/x.bin")), bytes);
  const hash = createHash("sha256");
  for (let at = 0, eof = false; !eof; ) {
    const ack = await rig.host.ask({ type: "file.get", path: "up/x.bin", offset: at });
    assert.ok(ack.ok && ack.size === bytes.length);
    const piece = Buffer.from(ack.data ?? "", "base64");
    hash.update(piece);
    at += piece.length;
    eof = ack.eof ?? false;
  }
  assert.equal(hash.digest("hex"), createHash("sha256").update(bytes).digest("hex"));
  for (const path of ["../../etc/passwd", "/etc/passwd", "nothing"]) {
    const ack = await rig.host.ask({ type: "file.get", path, offset: 0 });
    assert.ok(!ack.ok && ack.error === "file-error", path);
  }
});

test("nonsense from the host ends neither guest nor turn", async () => {
  await rig.host.run("t-calm", "slow 8");
  rig.host.send({ type: "explode", id: 77 } as never);
  const bad = await until(() => rig.host.frames.find((f) => f.type === "ack" && f.id === 77), "ack");
  assert.ok(bad.type === "ack" && !bad.ok && bad.error === "bad-command");
  const empty = await rig.host.run("t-empty", "");
  assert.ok(!empty.ok && empty.error === "bad-command");
  const mark = rig.host.frames.length;
  const head = Buffer.alloc(4);
  head.writeUInt32BE(MAX_FRAME * 2);
  rig.host.raw(head);
  await rig.host.hello(mark);
  const again = rig.host.frames.length;
  rig.host.raw(Buffer.from("\0\0\0\x02{x", "latin1"));
  await rig.host.hello(again);
  await rig.host.ask({ type: "attach", turnId: "t-calm", fence: 1, afterSeq: 0 });
  assert.equal((await rig.host.outcome("t-calm")).kind, "final");
});

test("ping is answered; quiesce is refused while a turn runs, then closes and redials", async () => {
  rig.host.send({ type: "ping", n: 42 });
  await until(() => rig.host.frames.find((f) => f.type === "pong" && f.n === 42), "pong");
  await rig.host.run("t-q", "slow 4");
  const busy = await rig.host.ask({ type: "quiesce" });
  assert.ok(!busy.ok && busy.error === "busy");
  await rig.host.outcome("t-q");
  const mark = rig.host.frames.length;
  assert.ok((await rig.host.ask({ type: "quiesce" })).ok);
  const started = performance.now();
  await rig.host.hello(mark);
  assert.ok(performance.now() - started > 1_000, "it stayed away for a while");
  await rig.host.run("t-q2", "still here");
  assert.equal((await rig.host.outcome("t-q2")).kind, "final");
});

test("shutdown ends agent and guest", async () => {
  assert.ok((await rig.host.ask({ type: "shutdown" })).ok);
  await until(() => rig.guest.exitCode !== null, "exit", 8_000);
  assert.equal(rig.guest.exitCode, 0);
  assert.equal(existsSync(`/proc/${rig.guest.pid}`), false);
});
