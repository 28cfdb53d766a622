/** Messages for a running turn, over the real guest and the fake agent: one answer, each asked once, none after the end. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TurnEvent } from "../../../src/sandbox/guest/protocol.ts";
import { type Rig, startRig, until } from "./harness.ts";

let rig: Rig;
before(async () => {
  rig = await startRig();
});
after(() => rig?.close());

const steer = (turnId: string, id: number, text: string, fence = 1) =>
  rig.host.ask({ type: "steer", turnId, fence, steer: id, text });
const asked = (words: string) => rig.model.seen.filter(({ user }) => user === words).length;
const events = (turnId: string) => rig.host.events(turnId).map(({ event }) => event);
const run = (turnId: string, text: string) => rig.host.run(turnId, text, { sessionKey: `${turnId}:1` });

test("during a tool: the agent has it at its next step, and the turn's one answer covers both", async () => {
  await run("s-tool", "run sleep 0.7; echo done");
  await until(() => events("s-tool").some(({ kind }) => kind === "tool"), "tool");
  assert.ok((await steer("s-tool", 7, "rather say hello")).ok);
  assert.ok((await steer("s-tool", 7, "rather say hello")).ok, "again: the same");
  assert.deepEqual(await rig.host.outcome("s-tool"), { kind: "final", text: "echo: rather say hello" });
  assert.equal(asked("rather say hello"), 1);
  assert.deepEqual(
    events("s-tool").filter(({ kind }) => kind === "steer"),
    [{ kind: "steer", steer: 7, taken: true }],
  );
});

test("while it writes: what was said stays, what is answered to it follows, in one final", async () => {
  await run("s-text", "slow 6");
  await rig.host.event("s-text", "delta");
  await steer("s-text", 1, "bee");
  await steer("s-text", 2, "cee");
  const end = await rig.host.outcome("s-text");
  assert.match(end.kind === "final" ? end.text : "", /^word0 .*word5 \n\necho: cee$/);
});

test("a cancel takes along what waits: it doesn't run by itself afterwards", async () => {
  await run("s-stop", "hang");
  await until(() => asked("hang") === 1, "model call");
  await steer("s-stop", 1, "after all");
  await rig.host.ask({ type: "cancel", turnId: "s-stop", fence: 1 });
  assert.equal((await rig.host.outcome("s-stop")).kind, "cancelled");
  await sleep(500);
  assert.equal(asked("after all"), 0);
});

test("a turn that is over, unknown or held by a newer worker takes none", async () => {
  await run("s-over", "quick");
  await rig.host.outcome("s-over");
  for (const [turnId, error] of [
    ["s-over", "not-steerable"],
    ["s-none", "unknown-turn"],
  ] as const) {
    const ack = await steer(turnId, 1, "too late");
    assert.ok(!ack.ok && ack.error === error, JSON.stringify(ack));
  }
  await run("s-fence", "slow 5");
  await rig.host.ask({ type: "attach", turnId: "s-fence", fence: 4, afterSeq: 0 });
  const stale = await steer("s-fence", 1, "old", 3);
  assert.ok(!stale.ok && stale.error === "stale-fence");
  await rig.host.outcome("s-fence");
  assert.equal(asked("too late") + asked("old"), 0);
});

test("a model that fails at the later message: its failure ends the turn, as one", async () => {
  await run("s-fail", "run sleep 0.5");
  await until(() => events("s-fail").some(({ kind }) => kind === "tool"), "tool");
  await steer("s-fail", 1, "status 400");
  assert.equal((await rig.host.outcome("s-fail")).kind, "failed");
  const ends = events("s-fail").filter(({ kind }: TurnEvent) => ["final", "failed"].includes(kind));
  assert.equal(ends.length, 1);
});

test("a model that was chosen for a conversation goes by its name in the agent's calls, from that turn on, there alone", async () => {
  const called = (words: string) => rig.model.seen.find(({ user }) => user === words)?.model;
  await rig.host.run("m-1", "by default", { sessionKey: "m:1" });
  await rig.host.outcome("m-1");
  await rig.host.run("m-2", "by choice", { sessionKey: "m:1", model: "choice-7" });
  await rig.host.outcome("m-2");
  await rig.host.run("m-3", "elsewhere", { sessionKey: "n:1" });
  await rig.host.outcome("m-3");
  await rig.host.run("m-4", "no such name", { sessionKey: "o:1", model: "choice-99" });
  await rig.host.outcome("m-4");
  assert.equal(called("by choice"), "choice-7");
  assert.notEqual(called("by default"), "choice-7");
  assert.equal(called("elsewhere"), called("by default"));
  assert.equal(called("no such name"), called("by default"));
});
