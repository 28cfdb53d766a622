/** One life of one sandbox, step by step, by a launcher of its own; the worker's and the gateway's ends are stand-ins. */
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LauncherClient } from "../../src/sandbox/launcher/index.ts";
import { realRuntime } from "../../test/helpers/runtime.ts";
import { until, Host as Worker } from "../../test/sandbox/guest/harness.ts";
import { type ModelStub, startModelStub } from "../../test/sandbox/guest/model-stub.ts";
import { Host, NODE_PACKAGE, specOf } from "../../test/sandbox/harness.ts";

const ROOT = join(import.meta.dirname, "../..");
const READY_MS = 120_000;
const EXECS = 5;

/** Milliseconds, and megabytes as the sandbox's own limit counts them. */
export interface Sample {
  createMs: number;
  /** Until the launcher says that it runs. */
  startMs: number;
  /** From the same moment until the agent takes turns. */
  readyMs: number;
  /** A program run inside for the operator, median. */
  execMs: number;
  stopMs: number;
  destroyMs: number;
  idleMB: number;
  /** Highest while a turn runs a tool. */
  busyMB: number;
}

/** Measures once. */
export async function measureDriver(
  driver: "process" | "docker",
  socket: string,
  fake: boolean,
): Promise<Sample> {
  const home = mkdtempSync("/tmp/nb-");
  chmodSync(home, 0o711);
  const runtime = join(home, "runtime", "bench");
  if (fake) cpSync(join(ROOT, "test/fakes/agent"), join(runtime, "agent"), { recursive: true });
  else await realRuntime(runtime);
  for (const dir of [join(home, "runtime"), runtime]) chmodSync(dir, 0o755);
  const project = { node: NODE_PACKAGE, runtime, guest: join(ROOT, "src/sandbox/guest") };
  const host = new Host("root", { driver, docker: { socket }, project, diskMs: 10_000 });
  const spec = specOf("b", { memoryBytes: 2_560 * 2 ** 20, pids: 512, diskBytes: 1 << 30, inodes: 100_000 });
  if (fake) spec.agent.program = "/opt/openclaw/agent/main.ts";
  const timed = async <T>(work: () => Promise<T>): Promise<[number, T]> => {
    const began = performance.now();
    const result = await work();
    return [performance.now() - began, result];
  };
  let ends: { worker: Worker; model: ModelStub } | undefined;
  try {
    await host.start();
    const [createMs, made] = await timed(() => host.client.create(spec));
    const worker = new Worker(host.paths.controlSocket(made.runName));
    const model = await startModelStub(host.paths.egressSocket(made.runName));
    ends = { worker, model };
    for (const path of [host.paths.launcher.workerSocket, host.paths.launcher.gatewaySocket]) {
      const client = new LauncherClient({ socket: path });
      await client.handOver(spec.id);
      client.close();
    }
    const began = performance.now();
    const [startMs] = await timed(() => host.client.start(spec.id));
    await until(
      () => worker.frames.find((f) => f.type === "agent" && f.state === "warm"),
      "the agent is ready",
      READY_MS,
    );
    const readyMs = performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const memoryMB = async () => Math.round((await host.client.stats(spec.id)).memoryBytes / 2 ** 20);
    const idleMB = await memoryMB();

    const execs: number[] = [];
    for (let i = 0; i < EXECS; i++) {
      const session = `e${i}`;
      const run = async () => {
        await worker.ask({ type: "exec", session, argv: ["/bin/true"] });
        await until(
          () => worker.frames.find((f) => f.type === "exec.end" && f.session === session),
          "its end",
        );
      };
      execs.push((await timed(run))[0]);
    }
    execs.sort((a, b) => a - b);

    await worker.run("busy", "run sleep 2", { timeoutMs: READY_MS });
    let busyMB = 0;
    const ended = worker.outcome("busy", READY_MS).then(() => true);
    const tick = () => new Promise<false>((resolve) => setTimeout(resolve, 200, false));
    do busyMB = Math.max(busyMB, await memoryMB());
    while (!(await Promise.race([ended, tick()])));

    const [stopMs] = await timed(() => host.client.stop(spec.id, ""));
    const [destroyMs] = await timed(() => host.client.destroy(spec.id));
    const execMs = execs[Math.floor(EXECS / 2)] ?? Number.NaN;
    return { createMs, startMs, readyMs, execMs, stopMs, destroyMs, idleMB, busyMB };
  } finally {
    ends?.worker.close();
    await ends?.model.close();
    await host.client.destroy(spec.id).catch(() => undefined);
    await host.remove();
    rmSync(home, { recursive: true, force: true });
  }
}
