/**
 * Real launchers and sandboxes for tests: own home under a short path, own uid range, a small guest that runs what
 * the test asks for (`guest-program`). Everything is ended by pid; nothing that a test didn't start is touched.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pathsOf } from "../../src/lib/paths.ts";
import { type Layer, Limits, type SandboxInfo, type SandboxSpec } from "../../src/sandbox/driver.ts";
import { LauncherClient, type LauncherOptions } from "../../src/sandbox/launcher/index.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
export const NODE_PACKAGE: string = join(process.execPath, "../..");
export const isRoot: boolean = process.getuid?.() === 0;
/** An ordinary user that exists nowhere else on this machine. */
export const ORDINARY_UID = 1_950_000_001;

const CONTROLLERS = ["memory", "pids", "cpu", "cpuacct"];

/** What tests ask for at most. */
const CEILING = Limits.parse({ memoryBytes: 2 ** 40, pids: 2 ** 20, diskBytes: 2 ** 50, inodes: 2 ** 40 });

/** How the service runs: as root, or as an ordinary user. */
export type RunAs = "root" | "user";

/** The ways that can be tried by whoever runs the tests. */
export const RUN_AS: readonly RunAs[] = isRoot ? ["root", "user"] : ["user"];

/** One installation and the launcher that serves it. */
export class Host {
  readonly as: RunAs;
  readonly home: string;
  readonly uid: number;
  readonly client: LauncherClient;
  layers: Layer[] = [];
  process: ChildProcess | undefined;
  private readonly overrides: Partial<LauncherOptions>;
  private readonly cgroup: string | undefined;
  private readonly ids = new Set<string>();

  /** `home`: one that another host of this test has made. */
  constructor(as: RunAs, overrides: Partial<LauncherOptions> = {}, delegation = true, home?: string) {
    this.as = as;
    this.overrides = overrides;
    this.uid = as === "root" || !isRoot ? (process.getuid?.() ?? 0) : ORDINARY_UID;
    this.home = home ?? mkdtempSync("/tmp/nc");
    mkdirSync(join(this.home, "runtime", "test"), { recursive: true });
    const delegates = as === "user" && isRoot && overrides.driver !== "docker";
    this.cgroup = delegates ? (delegation ? this.delegate() : undefined) : process.env["NEMOCLAW_CGROUP"];
    for (const dir of ["", "runtime", "runtime/test"]) chownSync(join(this.home, dir), this.uid, this.uid);
    this.client = new LauncherClient({ socket: this.paths.launcher.operatorSocket });
  }

  get paths() {
    return pathsOf(this.home);
  }

  /** Starts the launcher. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const { child, layers } = this.spawnLauncher(env);
    this.process = child;
    this.layers = await layers;
  }

  /** Tries to start one more launcher on the same home. */
  async startAnother(): Promise<void> {
    await this.spawnLauncher({}).layers;
  }

  /** The launcher has a secret in its environment that must not be seen anywhere. */
  private spawnLauncher(env: Record<string, string>): { child: ChildProcess; layers: Promise<Layer[]> } {
    const role = this.uid;
    const options = {
      ...{ home: this.home, roles: { worker: role, gateway: role, operator: role }, bestEffort: false },
      project: {
        node: NODE_PACKAGE,
        runtime: join(this.home, "runtime", "test"),
        guest: here("guest-program"),
      },
      ceiling: CEILING,
      ...{ uidBase: 1_950_100_000, diskMs: 1_000, ...(this.cgroup ? { cgroup: this.cgroup } : {}) },
      ...this.overrides,
    };
    const command = [process.execPath, here("launcher-process.ts"), JSON.stringify(options)];
    // In a mount namespace of its own: whatever a failing sandbox mounts, this machine doesn't see it.
    const prefix = isRoot ? ["/usr/bin/unshare", "-m"] : [];
    if (this.uid !== process.getuid?.()) {
      prefix.push("/usr/bin/setpriv", `--reuid=${this.uid}`, `--regid=${this.uid}`, "--clear-groups");
    }
    const [program = "", ...args] = [...prefix, ...command];
    const child = spawn(program, args, {
      env: { PATH: "/usr/bin:/bin", CANARY_SECRET: "canary-3141592", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const layers = new Promise<Layer[]>((resolve, reject) => {
      let text = "";
      child.once("close", (code) => reject(new Error(`launcher ended with ${code}: ${text}`)));
      child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        const ready = /^ready (.*)$/m.exec(text)?.[1];
        if (ready) resolve(JSON.parse(ready));
      });
    });
    return { child, layers };
  }

  /** Ends the launcher as a crash would. */
  async kill(): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** Makes and starts a sandbox, and waits until its guest takes jobs. */
  async sandbox(letter: string, limits: Partial<Limits> = {}): Promise<SandboxInfo> {
    const spec = specOf(letter, limits);
    this.ids.add(spec.id);
    await this.client.create(spec);
    const info = await this.client.start(spec.id);
    await until(() => existsSync(join(this.homeOf(info), ".jobs")), 5_000, "the guest is ready");
    return info;
  }

  homeOf(info: { id: string }): string {
    return this.paths.user(info.id).home;
  }

  /** Starts a program inside without waiting for its end. */
  launch(
    info: SandboxInfo,
    as: "agent" | "guest",
    words: readonly string[],
  ): () => { code: number; out: string } | undefined {
    const base = join(this.homeOf(info), ".jobs", `j${Math.random().toString(36).slice(2)}`);
    writeFileSync(`${base}.tmp`, [as, ...words].join("\0"), { mode: 0o644 });
    renameSync(`${base}.tmp`, `${base}.job`);
    return () =>
      existsSync(`${base}.rc`)
        ? { code: Number(readFileSync(`${base}.rc`, "utf8")), out: readFileSync(`${base}.out`, "utf8") }
        : undefined;
  }

  /** Runs a program inside, through the stage (`agent`) or directly (`guest`). */
  async run(
    info: SandboxInfo,
    as: "agent" | "guest",
    ...words: string[]
  ): Promise<{ code: number; out: string }> {
    const done = this.launch(info, as, words);
    await until(() => done() !== undefined, 20_000, `${words.join(" ")} ends`);
    return done() ?? assert.fail();
  }

  /** Ends sandboxes and launcher and removes everything. */
  async dispose(): Promise<void> {
    try {
      if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null)
        await this.start();
      for (const id of this.ids) await this.client.destroy(id);
    } finally {
      await this.remove();
    }
  }

  /** Ends the launcher and removes the home, of a host that has no sandboxes. */
  async remove(): Promise<void> {
    this.client.close();
    await this.kill();
    rmSync(this.home, { recursive: true, force: true });
    const tag = createHash("sha256").update(this.home).digest("hex").slice(0, 8);
    const own = CONTROLLERS.map((controller) => join("/sys/fs/cgroup", controller, "nemoclaw", tag));
    for (const dir of [...own, ...this.delegated]) removeGroups(dir);
  }

  private delegated: string[] = [];

  /** A control group (v1) that belongs to the ordinary user, as an administrator would delegate it. */
  private delegate(): string | undefined {
    const name = `nemoclaw-test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    for (const controller of ["memory", "pids", "cpu"]) {
      const dir = join("/sys/fs/cgroup", controller, name);
      if (!existsSync(join("/sys/fs/cgroup", controller, "cgroup.procs"))) return undefined;
      mkdirSync(dir);
      chownSync(dir, this.uid, this.uid);
      this.delegated.push(dir);
    }
    return name;
  }
}

function removeGroups(dir: string): void {
  // Groups hold only groups that are removed one by one; files in cgroupfs can't be.
  for (const name of existsSync(dir) ? subdirectories(dir) : []) removeGroups(join(dir, name));
  try {
    rmdirSync(dir);
  } catch {}
}

function subdirectories(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** The sandbox of a test principal. */
export function specOf(letter: string, limits: Partial<Limits> = {}): SandboxSpec {
  return {
    ...{ id: `p_${letter.repeat(20)}`, name: `box-${letter}` },
    limits: Limits.parse({ memoryBytes: 256 << 20, pids: 64, diskBytes: 64 << 20, inodes: 2_000, ...limits }),
    agent: { model: "demo/demo-1", contextWindow: 131_072, maxTokens: 8_192 },
  };
}

/** Waits until `holds`; fails by name after `ms`. */
export async function until(holds: () => boolean, ms: number, what: string): Promise<number> {
  const begin = performance.now();
  while (!holds()) {
    assert.ok(performance.now() - begin < ms, `not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - begin;
}

/** A unix socket server that counts who dials. */
export async function listenUnix(path: string): Promise<{ connections: () => number; close: () => void }> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.on("error", () => {}); // probes hang up as they like
    socket.end("hello\n");
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { connections: () => count, close: () => server.close() };
}
