/**
 * Our guest with a (fake) agent inside, the same for every driver: a turn, the operator's terminal, and that neither the
 * launcher's nor the worker's death ends a turn.
 */
import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import type { FromGuest } from "../../../src/sandbox/guest/protocol.ts";
import { LauncherClient } from "../../../src/sandbox/launcher/index.ts";
import { until, Host as Worker } from "../../sandbox/guest/harness.ts";
import { type ModelStub, startModelStub } from "../../sandbox/guest/model-stub.ts";
import { type Host, NODE_PACKAGE, specOf } from "../../sandbox/harness.ts";
import type { Stage } from "./stages.ts";

const root = join(import.meta.dirname, "../../..");
/** As the fake agent's sources are seen inside: the test's runtime holds them. */
const PROGRAM = "/opt/openclaw/agent/main.ts";

/** All of it over one driver. */
export function guestSuite(stage: Stage): void {
  describe(`guest and agent, ${stage.name}`, () => {
    const runtime = mkdtempSync("/tmp/gr-");
    const spec = specOf("g", { memoryBytes: 1_536 << 20, pids: 256 });
    let host: Host;
    let worker: Worker;
    let model: ModelStub;
    let info: SandboxInfo;

    before(async () => {
      cpSync(join(root, "test/fakes/agent"), join(runtime, "agent"), { recursive: true });
      chmodSync(runtime, 0o755);
      const guest = join(root, "src/sandbox/guest");
      host = await stage.host({ project: { node: NODE_PACKAGE, runtime, guest } });
      await host.start();
      const made = await host.client.create({ ...spec, agent: { ...spec.agent, program: PROGRAM } });
      worker = new Worker(host.paths.controlSocket(made.runName));
      model = await startModelStub(host.paths.egressSocket(made.runName));
      for (const socket of [host.paths.launcher.workerSocket, host.paths.launcher.gatewaySocket]) {
        const client = new LauncherClient({ socket });
        await client.handOver(spec.id);
        client.close();
      }
      info = await host.client.start(spec.id);
      await until(() => worker.frames.find((f) => f.type === "agent" && f.state === "warm"), "warm", 40_000);
    });
    after(async () => {
      worker?.close();
      await model?.close();
      await host?.client.destroy(spec.id).catch(() => undefined);
      await host?.remove();
      rmSync(runtime, { recursive: true, force: true });
    });

    const answer = async (turnId: string) => {
      const end = await worker.outcome(turnId);
      return end.kind === "final" ? end.text : JSON.stringify(end);
    };

    test("a turn is answered; tools run as the sandbox's user, with no secret in sight", async () => {
      await worker.run("t1", "run id -u; pwd; env | cut -d= -f1 | sort | tr '\\n' ' '");
      const said = await answer("t1");
      const uid = stage.driver !== "process" ? info.uid : 1000;
      assert.match(said, new RegExp(`^tool said: ${uid}\\n/home/sandbox/workspace\\n`));
      assert.doesNotMatch(said, /TOKEN|SECRET|KEY/);
    });

    test("exec with a terminal: a prompt, sizes, an exit code; caged as the agent is", async () => {
      const session = "tty1";
      await worker.ask({ type: "exec", session, argv: [], tty: { columns: 91, rows: 24 } });
      type Out = Extract<FromGuest, { type: "exec.out" }>;
      const shown = () =>
        worker.frames
          .filter((f): f is Out => f.type === "exec.out" && f.session === session)
          .map((f) => Buffer.from(f.data, "base64").toString())
          .join("");
      const type = (text: string) =>
        worker.send({ type: "exec.in", session, data: Buffer.from(text).toString("base64") });
      await until(() => /sandbox@box-g:~\$ $/.test(shown()) || undefined, "a prompt");
      type("tty; tput cols 2>/dev/null || stty size; ls /run/nemoclaw/control; exit 5\r");
      const end = await until(
        () => worker.frames.find((f) => f.type === "exec.end" && f.session === session),
        "the end of the shell",
      );
      assert.equal((end as { code: number }).code, 5);
      assert.match(shown(), /\/dev\/pts\/\d+/);
      assert.match(shown(), /\b91\b/);
      assert.match(shown(), /Permission denied/);
    });

    test("launcher and worker killed in mid-turn: the agent's pid is the same, and the turn ends with its answer", async () => {
      const id = (text: string) => Number(/\d+/.exec(text)?.[0]);
      await worker.run("t2", "run echo $PPID");
      const before = id(await answer("t2"));
      await worker.run(
        "t3",
        "run echo started > ~/started; sleep 2; echo $PPID; echo line >> ~/lines; cat ~/lines",
      );
      await until(() => existsSync(join(host.homeOf(info), "started")) || undefined, "the tool runs");
      const frames = worker.frames.length;
      await host.kill();
      worker.drop();
      await worker.hello(frames);
      assert.equal((await worker.hello(frames)).bootId, info.bootId, "the same life");
      await worker.ask({ type: "attach", turnId: "t3", fence: 1, afterSeq: 0 });
      const said = await answer("t3");
      assert.equal(id(said), before, said);
      assert.equal(said.match(/line/g)?.length, 1, "its side effect happened once");
      await host.start();
      assert.deepEqual(await host.client.inspect(spec.id), info, "and the next launcher knows it");
    });
  });
}
