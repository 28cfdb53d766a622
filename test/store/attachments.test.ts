/** Files on their way through mailbox, turn and outbox: only their records; the bytes are the spool's (test/lib). */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newId } from "../../src/lib/ids.ts";
import type { Attachment, Store } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { claimed, command, message } from "./events.ts";

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

const file = (name: string, size = 1_000_000_000): Attachment => ({
  ...{ name, size, mime: "image/jpeg", sha256: "0".repeat(64), spool: newId("f") },
});
const accept = (event: Parameters<ReturnType<Store["ingress"]>["accept"]>[0]) =>
  bridge.ingress("console").accept(event);

test("a turn has the files of all its messages, in order, exactly as they were handed in", async () => {
  const files = [file('a "quoted" ünï 📎.jpg'), file("b.bin", 0), file("c.pdf", 20_000_000)];
  await accept(message("at", "look", { attachments: files.slice(0, 1) }));
  await accept(message("at", "", { attachments: files.slice(1) }));
  await accept(message("at", "please"));
  const turn = await claimed(worker, "console.at");
  assert.deepEqual(turn.attachments, files);
  assert.equal(turn.text, "look\n\nplease", "an empty text leaves no gap");
  assert.deepEqual((await worker.turns.get("console.at"))?.attachments, files);
});

test("what was understood of recordings is kept with the turn, whoever takes it over, and goes with its answer", async () => {
  const spoken = { ...file("v.ogg"), spoken: true as const };
  await accept(message("heard", "", { attachments: [spoken] }));
  const turn = await claimed(worker, "console.heard");
  assert.deepEqual(turn.attachments, [spoken]);
  const heard = [
    { name: "v.ogg", text: 'Grüße "☕"' },
    { name: "w.ogg", failed: "off" as const },
  ];
  const stored = await worker.turns.advance(turn, { heard });
  assert.deepEqual(stored?.heard, heard);
  assert.equal(stored?.state, "accepted");
  // Another write leaves it; a holder that lost the turn can't write it.
  assert.deepEqual((await worker.turns.advance(turn, { eventSeq: 3 }))?.heard, heard);
  assert.equal(await worker.turns.advance({ ...turn, fence: turn.fence - 1 }, { heard }), undefined);
  const body = { kind: "final" as const, markdown: "yes", heard };
  await worker.turns.settle(turn, "answered", body);
  assert.deepEqual((await bridge.outbox("console").pending("console.heard"))[0]?.body, body);
});

test("without files there is no list", async () => {
  await accept(message("none", "hi"));
  assert.equal((await claimed(worker, "console.none")).attachments, undefined);
});

test("an answer brings files and says which were left out", async () => {
  await accept(message("out", "make one"));
  const turn = await claimed(worker, "console.out");
  const body = {
    ...{ kind: "final" as const, markdown: "here", attachments: [file("r.pdf")] },
    omitted: [{ name: "big.iso", why: "too-large" as const, size: 9e9 }],
  };
  await worker.turns.settle(turn, "answered", body);
  const [answer] = await bridge.outbox("console").pending("console.out");
  assert.deepEqual(answer?.body, body);
});

test("refused: files of a command, too many, a spool name that is a path", async () => {
  const bad = { code: "bad-event" };
  await assert.rejects(accept(command("bad", "new", { attachments: [file("x")] })), bad);
  await assert.rejects(accept(message("bad", "", { attachments: Array(201).fill(file("x")) })), bad);
  await assert.rejects(accept(message("bad", "", { attachments: [{ ...file("x"), spool: "../f" }] })), bad);
});
