/** What goes wrong with the agent, over the real guest and the fake agent: one failure or one cancel, then work as usual. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { agentProcesses } from "../../../src/sandbox/guest/processes.ts";
import { type Rig, type RigOptions, startRig, until } from "./harness.ts";

const rigs: Rig[] = [];
after(() => Promise.all(rigs.map((rig) => rig.close())));

async function make(options: RigOptions = {}): Promise<Rig> {
  const rig = await startRig(options);
  rigs.push(rig);
  return rig;
}

/** Pids whose command line holds `text`. */
function running(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The agent's main process: the marked one that is no tool. */
function agentPid(rig: Rig): number {
  const main = agentProcesses(rig.bootId).find((p) => !p.env.includes("OPENCLAW_SHELL=exec"));
  assert.ok(main, "no agent process");
  return main.pid;
}

/** Outcomes of a turn that the host saw. */
const ends = (rig: Rig, turnId: string) =>
  rig.host.events(turnId).filter((e) => ["final", "failed", "cancelled"].includes(e.event.kind));

test("cancel in mid-tool: tool gone and turn cancelled within a second, the next turn works", async () => {
  const rig = await make();
  await rig.host.run("c1", "run sleep 98761");
  await until(() => running("sleep 98761").length > 0, "the tool");
  const started = performance.now();
  assert.ok((await rig.host.ask({ type: "cancel", turnId: "c1", fence: 1 })).ok);
  assert.deepEqual(await rig.host.outcome("c1"), { kind: "cancelled" });
  assert.ok(performance.now() - started < 3_000);
  await until(() => running("sleep 98761").length === 0, "the tool's end", 1_000);
  await rig.host.run("c2", "next");
  assert.equal((await rig.host.outcome("c2")).kind, "final");
  assert.equal(ends(rig, "c1").length, 1);
});

test("cancel while the model hangs: its connection is closed too", async () => {
  const rig = rigs[0] as Rig;
  const aborted = rig.model.aborted;
  await rig.host.run("h1", "hang");
  await rig.host.event("h1", "delta");
  await rig.host.ask({ type: "cancel", turnId: "h1", fence: 1 });
  assert.deepEqual(await rig.host.outcome("h1"), { kind: "cancelled" });
  await until(() => rig.model.aborted > aborted, "closed model call", 1_000);
});

test("a tool that ignores SIGTERM is killed after a second, a tool of an earlier turn is not", async () => {
  const rig = rigs[0] as Rig;
  await rig.host.run("b1", "run nohup sleep 98762 >/dev/null 2>&1 &");
  assert.equal((await rig.host.outcome("b1")).kind, "final");
  await sleep(50);
  await rig.host.run("s1", "run trap '' TERM; while :; do sleep 0.198763; done; echo 98763");
  // The loop's own child, so that the trap is set: its command line ends there, the shell's goes on.
  await until(() => running("sleep 0.198763 ").length > 0, "the tool");
  const started = performance.now();
  await rig.host.ask({ type: "cancel", turnId: "s1", fence: 1 });
  await rig.host.outcome("s1");
  await until(() => running("echo 98763").length === 0, "the tool's end");
  const ms = performance.now() - started;
  assert.ok(ms > 900 && ms < 3_000 * 3, `${ms} ms`);
  assert.equal(running("sleep 98762").length, 1);
  for (const pid of running("sleep 98762")) process.kill(pid, "SIGKILL");
});

test("an agent that no longer answers is killed after three seconds; the other turn fails once, the next works", async () => {
  const rig = rigs[0] as Rig;
  await rig.host.run("d1", "hang", { sessionKey: "d:1" });
  await rig.host.run("d2", "hang", { sessionKey: "e:1" });
  await rig.host.event("d2", "delta");
  const old = agentPid(rig);
  process.kill(old, "SIGSTOP");
  await rig.host.ask({ type: "cancel", turnId: "d1", fence: 1 });
  assert.deepEqual(await rig.host.outcome("d1"), { kind: "cancelled" });
  const other = await rig.host.outcome("d2");
  assert.ok(other.kind === "failed" && other.code === "agent-crashed" && other.retryable);
  await rig.host.run("d3", "after the kill");
  assert.deepEqual(await rig.host.outcome("d3"), { kind: "final", text: "echo: after the kill" });
  assert.notEqual(agentPid(rig), old);
});

test("kill -9 of the agent in mid-stream: exactly one failure, and the very next turn is answered", async () => {
  const rig = rigs[0] as Rig;
  await rig.host.run("k1", "slow 50");
  await rig.host.event("k1", "delta");
  process.kill(agentPid(rig), "SIGKILL");
  const failed = await rig.host.outcome("k1");
  assert.ok(failed.kind === "failed" && failed.code === "agent-crashed");
  // The agent resumes k1 by itself; it must neither go on with it nor lose k2 in it.
  await rig.host.run("k2", "again");
  assert.deepEqual(await rig.host.outcome("k2"), { kind: "final", text: "echo: again" });
  await sleep(100);
  assert.equal(ends(rig, "k1").length, 1);
  const again = await rig.host.run("k1", "slow 50");
  assert.ok(again.ok && again.turn?.state === "done", "a failed turn is not rerun by itself");
});

test("a turn has a time limit", async () => {
  const rig = rigs[0] as Rig;
  const started = performance.now();
  await rig.host.run("l1", "run sleep 98764", { timeoutMs: 700 });
  const end = await rig.host.outcome("l1");
  assert.ok(end.kind === "failed" || end.kind === "cancelled", JSON.stringify(end));
  assert.ok(end.kind === "failed" && end.code === "turn-timeout", JSON.stringify(end));
  assert.ok(performance.now() - started < 3_000);
  await until(() => running("sleep 98764").length === 0, "the tool's end", 2_000);
});

test("the model refuses: one failure that says whether trying again may help", async () => {
  const rig = rigs[0] as Rig;
  await rig.host.run("m1", "status 500");
  const end = await rig.host.outcome("m1");
  assert.ok(end.kind === "failed" && end.code === "agent-error", JSON.stringify(end));
});

test("one-shot: the gateway is stopped first, the answer comes, warm works again after it", async () => {
  const rig = rigs[0] as Rig;
  await rig.host.run("o0", "slow 3", { sessionKey: "o:1" });
  await rig.host.run("o1", "run echo one-shot", { sessionKey: "p:1", mode: "oneshot" });
  assert.deepEqual(await rig.host.outcome("o1"), { kind: "final", text: "tool said: one-shot" });
  assert.equal((await rig.host.outcome("o0")).kind, "final", "the running turn was drained, not killed");
  const order = rig.host.frames.filter(
    (f) => f.type === "event" && ["o0", "o1"].includes(f.turnId) && f.event.kind === "final",
  );
  assert.deepEqual(
    order.map((f) => f.type === "event" && f.turnId),
    ["o0", "o1"],
  );
  assert.deepEqual(agentProcesses(rig.bootId), []);
  const from = rig.host.frames.length;
  await rig.host.run("o2", "warm again", { sessionKey: "o:1" });
  assert.deepEqual(await rig.host.outcome("o2"), { kind: "final", text: "echo: warm again" });
  assert.ok(rig.host.frames.slice(from).some((f) => f.type === "agent" && f.detail === "ready"));
});

test("one-shot: a warm command that comes meanwhile waits for its end", async () => {
  const rig = rigs[0] as Rig;
  const from = rig.host.frames.length;
  await rig.host.run("ow", "run sleep 1; echo slept", { mode: "oneshot" });
  await until(() => running("sleep 1;").length > 0, "the tool");
  await rig.host.ask({ type: "warm" });
  const end = await rig.host.outcome("ow");
  assert.ok(end.kind === "final" && /slept/.test(end.text), JSON.stringify(end));
  await rig.host.agent("warm", 20_000, from);
});

test("one-shot: cancelled within a second", async () => {
  const rig = rigs[0] as Rig;
  await rig.host.run("oc", "run sleep 98765", { mode: "oneshot" });
  await until(() => running("sleep 98765").length > 0, "the tool");
  const started = performance.now();
  await rig.host.ask({ type: "cancel", turnId: "oc", fence: 1 });
  assert.deepEqual(await rig.host.outcome("oc"), { kind: "cancelled" });
  assert.ok(performance.now() - started < 3_000);
  await until(() => running("sleep 98765").length === 0, "the tool's end", 3_000);
});

test("an agent program that only fails: the turn fails, says so, and the guest lives on", async () => {
  const rig = await make({ program: "/bin/false", warm: false });
  await rig.host.run("f1", "hello");
  const end = await rig.host.outcome("f1");
  assert.ok(end.kind === "failed" && end.code === "agent-start", JSON.stringify(end));
  assert.match(end.message, /status 1/);
  await rig.host.agent("failed");
  await rig.host.run("f2", "hello", { mode: "oneshot" });
  const shot = await rig.host.outcome("f2");
  assert.ok(shot.kind === "failed" && shot.code === "agent-crashed", JSON.stringify(shot));
});

test("a turn that comes while the agent wakes is answered; one cancelled meanwhile never reaches it", async () => {
  const rig = await make({ warm: false });
  await Promise.all([
    rig.host.run("w1", "early", { sessionKey: "x:1" }),
    rig.host.run("w2", "unwanted", { sessionKey: "y:1" }),
  ]);
  await rig.host.ask({ type: "cancel", turnId: "w2", fence: 1 });
  assert.deepEqual(await rig.host.outcome("w2"), { kind: "cancelled" });
  assert.deepEqual(await rig.host.outcome("w1"), { kind: "final", text: "echo: early" });
  assert.equal(
    rig.model.seen.some((s) => s.user === "unwanted"),
    false,
  );
});

test("the gateway is away: the agent is told 503, the turn ends with one failure", async () => {
  const rig = await make({ noModel: true });
  await rig.host.run("g1", "hello");
  const end = await rig.host.outcome("g1");
  assert.ok(end.kind === "failed" && /503/.test(end.message), JSON.stringify(end));
});

test("files of the user survive a restart of the agent; its configuration does not", async () => {
  const rig = await make();
  const own = join(rig.home, "workspace/AGENTS.md");
  const config = join(rig.home, ".openclaw/openclaw.json");
  assert.match(readFileSync(own, "utf8"), /You run in a sandbox named `test`/);
  writeFileSync(own, "mine");
  writeFileSync(config, '{"broken');
  const from = rig.host.frames.length;
  process.kill(agentPid(rig), "SIGKILL");
  await rig.host.agent("warm", 20_000, from);
  assert.equal(readFileSync(own, "utf8"), "mine");
  assert.equal(JSON.parse(readFileSync(config, "utf8")).models.mode, "replace");
});
