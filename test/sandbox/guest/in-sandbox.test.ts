/**
 * Guest and fake agent inside a real process sandbox: what the harness beside this can't show. PID 1 is the reaper,
 * the agent runs behind the stage, and the guest still reaches over its border to find, kill and restart it.
 */
import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { agentProcesses } from "../../../src/sandbox/guest/processes.ts";
import { LauncherClient } from "../../../src/sandbox/launcher/index.ts";
import { RUN_AS, Host as SandboxHost, specOf } from "../harness.ts";
import { Host, until } from "./harness.ts";
import { type ModelStub, startModelStub } from "./model-stub.ts";

const root = join(import.meta.dirname, "../../..");

for (const as of RUN_AS) {
  const runtime = mkdtempSync("/tmp/gr-");
  let box: SandboxHost;
  let host: Host;
  let model: ModelStub;
  const spec = specOf("g", { memoryBytes: 512 << 20 });

  before(async () => {
    cpSync(join(root, "test/fakes/agent"), join(runtime, "agent"), { recursive: true });
    chmodSync(runtime, 0o755);
    const node = join(process.execPath, "../..");
    box = new SandboxHost(as, { project: { node, runtime, guest: join(root, "src/sandbox/guest") } });
    await box.start();
  });
  after(async () => {
    host?.close();
    await model?.close();
    await box?.client.destroy(spec.id).catch(() => undefined);
    await box?.remove();
    rmSync(runtime, { recursive: true, force: true });
  });

  const finalOf = async (turnId: string, text: string, fence = 1) => {
    await host.run(turnId, text, { fence });
    const end = await host.outcome(turnId);
    return end.kind === "final" ? end.text : JSON.stringify(end);
  };

  test(`as ${as}: wakes, answers, runs tools behind the stage`, async () => {
    const program = "/opt/openclaw/agent/main.ts";
    const made = await box.client.create({ ...spec, agent: { ...spec.agent, program } });
    const asUser = box.uid !== process.getuid?.() ? box.uid : undefined;
    if (asUser !== undefined) process.seteuid?.(asUser);
    host = new Host(box.paths.controlSocket(made.runName));
    model = await startModelStub(box.paths.egressSocket(made.runName));
    if (asUser !== undefined) process.seteuid?.(0);
    for (const socket of [box.paths.launcher.workerSocket, box.paths.launcher.gatewaySocket]) {
      const client = new LauncherClient({ socket });
      await client.handOver(spec.id);
      client.close();
    }
    const info = await box.client.start(spec.id);
    const hello = await host.hello();
    assert.equal(hello.bootId, info.bootId);
    assert.equal(hello.sandbox, spec.id);
    await until(() => host.frames.find((f) => f.type === "agent" && f.state === "warm"), "warm");
    assert.equal(await finalOf("t1", "hello"), "echo: hello");
    const said = await finalOf("t2", "run id -u; pwd; ls -a ~; env | cut -d= -f1 | sort | tr '\\n' ' '");
    assert.match(said, /^tool said: 1000\n\/home\/sandbox\/workspace\n/);
    assert.doesNotMatch(said, /TOKEN|SECRET|KEY/);
  });

  test(`as ${as}: the agent can't reach guest, PID 1 or the host's sockets`, async () => {
    const probe = [
      "kill -9 1",
      "kill -9 2",
      "cat /proc/1/environ",
      "cat /proc/2/environ",
      "readlink /proc/2/fd/1",
      "cat < /proc/2/fd/0",
      "head -c 1 /proc/2/mem",
      "ls /run/nemoclaw/control",
      "perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0) or die'",
    ];
    for (const [i, command] of probe.entries()) {
      const said = await finalOf(`p${i}`, `run ${command} && echo REACHED`);
      assert.doesNotMatch(said, /REACHED/, command);
    }
    assert.equal(await finalOf("p-end", "still here"), "echo: still here");
  });

  test(`as ${as}: orphans are reaped, a stubborn tool is killed over the stage's border`, async () => {
    await finalOf("o1", "run for i in 1 2 3 4 5; do (sleep 0.1 &); done; true");
    const zombies = await finalOf("o2", "run sleep 0.4; cat /proc/[0-9]*/stat | grep -c ' Z '");
    assert.match(zombies, /^tool said: 0$/);
    await host.run("o3", "run trap '' TERM; while :; do sleep 0.1; done");
    await host.event("o3", "tool");
    const began = performance.now();
    await host.ask({ type: "cancel", turnId: "o3", fence: 1 });
    assert.deepEqual(await host.outcome("o3"), { kind: "cancelled" });
    assert.ok(performance.now() - began < 3_000 * 3);
    const info = await box.client.inspect(spec.id);
    const tools = () =>
      agentProcesses(info?.bootId ?? "").filter((p) => p.env.includes("OPENCLAW_SHELL=exec"));
    await until(() => (tools().length === 0 ? true : undefined), "the tools' end", 2_000);
    assert.equal(agentProcesses(info?.bootId ?? "").length, 1, "the agent itself lives");
  });

  test(`as ${as}: the agent ends itself in mid-turn: one failure, then work as usual`, async () => {
    await host.run("k1", "run kill -9 $PPID");
    const end = await host.outcome("k1");
    assert.ok(end.kind === "failed" && end.code === "agent-crashed", JSON.stringify(end));
    assert.equal(await finalOf("k2", "again"), "echo: again");
    assert.equal(host.events("k1").filter((e) => e.event.kind === "failed").length, 1);
  });

  test(`as ${as}: killed whole, it starts as another life that knows no turn`, async () => {
    await host.run("x1", "slow 50");
    await host.event("x1", "delta");
    const info = await box.client.inspect(spec.id);
    assert.ok(info);
    const mark = host.frames.length;
    process.kill(info.pid, "SIGKILL");
    let now = await box.client.inspect(spec.id);
    for (; now?.state !== "stopped"; now = await box.client.inspect(spec.id)) await sleep(50);
    const again = await box.client.start(spec.id);
    const hello = await host.hello(mark);
    assert.notEqual(again.bootId, info.bootId);
    assert.equal(hello.bootId, again.bootId);
    assert.deepEqual(hello.turns, []);
    assert.equal(
      await finalOf("x2", "run cat ~/workspace/AGENTS.md | grep -c 'This Machine'"),
      "tool said: 1",
    );
  });
}
