/**
 * The fake driver with the real guest program in it, outside of a sandbox: `src/sandbox/guest/main.ts` as a process,
 * the fake agent, and a model stub behind egress.sock. Parking is SIGSTOP of the guest.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Paths } from "../../../src/lib/paths.ts";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import { killAgent } from "../../../src/sandbox/guest/processes.ts";
import { FakeDriver } from "../../fakes/guest/driver.ts";
import { FAKE_AGENT } from "../../sandbox/guest/harness.ts";
import { type ModelStub, startModelStub } from "../../sandbox/guest/model-stub.ts";

const GUEST = join(import.meta.dirname, "../../../src/sandbox/guest/main.ts");

/** See the module's header. */
export class GuestDriver extends FakeDriver {
  readonly processes = new Map<string, ChildProcess>();
  readonly models = new Map<string, ModelStub>();
  /** A real gateway serves the sandboxes' egress sockets: no stubs. */
  realGateway = false;
  readonly #base: Paths;

  constructor(paths: Paths) {
    super(paths);
    this.#base = paths;
  }

  /** `<home>/g/<id>`: home, config and egress of one guest. */
  dir(id: string): string {
    return join(this.#base.home, "g", id.slice(2, 8));
  }

  override async start(id: string): Promise<SandboxInfo> {
    const before = await this.inspect(id);
    if (before && before.state !== "stopped") return before;
    const info = await super.start(id);
    // The fake that the base made is replaced by the real one.
    this.guests.get(id)?.kill();
    const dir = this.dir(id);
    mkdirSync(join(dir, "config"), { recursive: true });
    mkdirSync(join(dir, "home"), { recursive: true });
    const agent = { ...info.agent, program: FAKE_AGENT };
    const start = { sandbox: id, name: info.name, bootId: info.bootId, agent, limits: info.limits };
    writeFileSync(join(dir, "config/sandbox.json"), JSON.stringify(start));
    if (!this.realGateway && !this.models.has(id))
      this.models.set(id, await startModelStub(join(dir, "egress.sock")));
    const paths = {
      home: join(dir, "home"),
      workspace: join(dir, "home/workspace"),
      state: join(dir, "home/.openclaw"),
      egressSocket: this.realGateway ? this.#base.egressSocket(info.runName) : join(dir, "egress.sock"),
      controlSocket: this.#base.controlSocket(info.runName),
      config: join(dir, "config"),
      node: process.execPath,
      agentPackage: "/nonexistent",
      proxyPort: await freePort(),
      agentPort: await freePort(),
    };
    const guest = spawn(process.execPath, [GUEST], {
      env: { PATH: process.env["PATH"], NEMOCLAW_GUEST_PATHS: JSON.stringify(paths) },
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.processes.set(id, guest);
    guest.once("exit", () => {
      // As with a real sandbox: what PID 1 started ends with it.
      killAgent(info.bootId);
      if (this.processes.get(id) === guest) this.ended(id, "exit");
    });
    return info;
  }

  override async stop(id: string, reason: string): Promise<SandboxInfo> {
    const guest = this.processes.get(id);
    this.processes.delete(id);
    await end(guest);
    return super.stop(id, reason);
  }

  override async park(id: string): Promise<SandboxInfo> {
    const info = await super.park(id);
    this.processes.get(id)?.kill("SIGSTOP");
    return info;
  }

  override async wake(id: string): Promise<SandboxInfo> {
    this.processes.get(id)?.kill("SIGCONT");
    return super.wake(id);
  }

  async closeAll(): Promise<void> {
    for (const id of [...this.processes.keys()]) {
      this.processes.get(id)?.kill("SIGCONT");
      await this.stop(id, "test");
    }
    for (const model of this.models.values()) await model.close();
  }
}

async function end(guest: ChildProcess | undefined): Promise<void> {
  if (!guest || guest.exitCode !== null || guest.signalCode !== null) return;
  const gone = new Promise((resolve) => guest.once("exit", resolve));
  guest.kill("SIGTERM");
  const timer = setTimeout(() => guest.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  server.close();
  return typeof address === "object" && address ? address.port : 0;
}
