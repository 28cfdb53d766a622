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
import type { FromGuest } from "../../../src/sandbox/guest/protocol.ts";
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
  const spec = specOf("g", { memoryBytes: 1_536 << 20 });

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

  /** Runs a program as the operator does; its output and status. */
  const exec = async (argv: string[], tty: boolean, keys: [after: RegExp, text: string][] = []) => {
    const session = `s${Math.random().toString(36).slice(2)}`;
    const size = { columns: 80, rows: 24 };
    await host.ask({ type: "exec", session, argv, ...(tty ? { tty: size } : {}) });
    type Out = Extract<FromGuest, { type: "exec.out" }>;
    const shown = () =>
      host.frames
        .filter((f): f is Out => f.type === "exec.out" && f.session === session)
        .map((f) => Buffer.from(f.data, "base64").toString())
        .join("");
    for (const [after, text] of keys) {
      await until(() => after.test(shown()) || undefined, `${after}`);
      host.send({ type: "exec.in", session, data: Buffer.from(text).toString("base64") });
    }
    const end = await until(
      () => host.frames.find((f) => f.type === "exec.end" && f.session === session),
      `end of ${argv.join(" ")}`,
    );
    return { out: shown(), code: (end as { code: number }).code };
  };

  test(`as ${as}: the operator's shell has a terminal and the sandbox's prompt`, async () => {
    const { out, code } = await exec([], true, [
      [/sandbox@box-g:~\$ $/, "tty; id -u; cd workspace; type openclaw\r"],
      [/sandbox@box-g:~\/workspace\$ $/, "exit 5\r"],
    ]);
    assert.equal(code, 5);
    assert.match(out, /\/dev\/pts\/\d+\r\n1000\r\n/);
    assert.match(out, /openclaw is \/opt\/nemoclaw\/guest\/shell\/bin\/openclaw/);
  });

  test(`as ${as}: with and without a terminal it is caged as the agent is`, async () => {
    const probes = [
      "kill -9 1",
      "kill -9 2",
      "kill -9 $PPID", // the guest, or what holds the terminal
      "cat /proc/1/environ",
      "head -c 1 /proc/2/mem",
      "ls /run/nemoclaw/control",
      "touch /opt/x",
      "perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0) or die'",
      "perl -e 'ioctl(STDIN,0x5412,my $c=q(x)) or die'", // TIOCSTI
      "unshare -U true",
    ];
    for (const tty of [false, true]) {
      for (const probe of probes) {
        const { out } = await exec(["/bin/sh", "-c", `${probe} && echo REACHED`], tty);
        assert.doesNotMatch(out, /REACHED/, `${probe} ${tty}`);
      }
      const { out } = await exec(["/bin/grep", "-E", "NoNewPrivs|Seccomp_filters", "/proc/self/status"], tty);
      assert.match(out, /NoNewPrivs:\t1\r?\nSeccomp_filters:\t2/);
      assert.equal((await exec(["no-such-program"], tty)).code, 127);
    }
  });

  test(`as ${as}: openclaw --local runs beside the warm agent, with a state directory of its own`, async () => {
    const line = ["openclaw", "agent", "--agent", "main", "--local", "-m", "hi", "--session-id", "test"];
    const { out, code } = await exec(line, false);
    assert.equal(code, 0, out);
    assert.match(out, /echo: hi/);
    assert.match((await exec(["/bin/ls", "-a"], false)).out, /\.openclaw-local/);
    assert.equal(await finalOf("y1", "still warm"), "echo: still warm");
    assert.match((await exec(["openclaw", "gateway", "stop"], false)).out, /looked after by NemoClaw/);
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
