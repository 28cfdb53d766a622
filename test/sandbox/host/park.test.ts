/** Signals to all processes of a sandbox: they count as done when nothing is left, not when nothing was seen. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freeze, killAgentProcesses, thaw } from "../../../src/sandbox/host/park.ts";
import { processState, processTree } from "../../../src/sandbox/host/proc.ts";

/** Stands for PID 1: its first child is spared, the second is the agent's. */
async function tree() {
  const script = "sleep 60 & sleep 0.1; sleep 60 & wait; exec sleep 60";
  const child = spawn("/bin/sh", ["-c", script], { stdio: "ignore" });
  while (processTree(child.pid!).length < 3) await sleep(10);
  await sleep(200);
  return { child, pid: child.pid!, agent: processTree(child.pid!)[2]! };
}

test("stopped, let go, killed: all but PID 1 and the guest", async () => {
  const { child, pid, agent } = await tree();
  const pids = processTree(pid);
  assert.equal(await freeze(pid), true);
  assert.deepEqual([...new Set(pids.map(processState))], ["T"]);
  thaw(pid);
  assert.equal(await killAgentProcesses(pid, () => [process.pid, ...processTree(pid)]), true);
  assert.ok(["", "Z"].includes(processState(agent)));
  assert.ok(pids.slice(0, 2).every((each) => processState(each) === "S"));
  for (const each of pids.slice(0, 2)) process.kill(each, "SIGKILL");
  await once(child, "exit");
});

test("a chain of processes that each start the next and end is never done", async () => {
  const { child, pid } = await tree();
  const pids = processTree(pid);
  // Numbers that no process has any more when it is looked at.
  let next = 1 << 30;
  const chain = () => [...processTree(pid), next++];
  assert.equal(await killAgentProcesses(pid, chain), false);
  assert.equal(await freeze(pid, chain), false);
  for (const each of pids) if (processState(each) !== "") process.kill(each, "SIGKILL");
  await once(child, "exit");
});

test("one that ended between the list and the look may have started another: not done either", async () => {
  const { child, pid } = await tree();
  const pids = processTree(pid);
  const script = "$| = 1; for (1..50) { my $p = fork; exit unless $p; print qq($p\n) } sleep 60";
  const parent = spawn("/usr/bin/perl", ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  parent.stdout.on("data", (piece) => {
    text += piece;
  });
  const zombies = () => text.split("\n").filter(Boolean).map(Number);
  while (zombies().length < 50 || zombies().some((each) => processState(each) !== "Z")) await sleep(10);
  let next = 0;
  assert.equal(await killAgentProcesses(pid, () => [...pids.slice(0, 2), zombies()[next++ % 50]!]), false);
  assert.equal(
    await killAgentProcesses(pid, () => [...pids.slice(0, 2), zombies()[0]!]),
    true,
    "one that stays is nothing",
  );
  parent.kill("SIGKILL");
  for (const each of pids) if (processState(each) !== "") process.kill(each, "SIGKILL");
  await Promise.all([once(child, "exit"), once(parent, "exit")]);
});
