/**
 * The whole service as real processes in a temporary home, for tests: the same program that `npm start` runs.
 * With the fake agent nothing is downloaded and an agent is up in a second; with the real one the blueprint's runtime is
 * installed once per machine and hard-linked into each home. Kills only what it started, by pid.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type AskResult, type ConsoleClient, consoleClient } from "../../src/bridges/console/index.ts";
import { askControl, type ServiceStatus } from "../../src/cli/supervisor/control.ts";
import type { ServiceName } from "../../src/cli/supervisor/users.ts";
import { type Paths, pathsOf } from "../../src/lib/paths.ts";
import { LauncherClient, resolveBlueprint, type SandboxInfo } from "../../src/sandbox/index.ts";
import { realRuntime } from "./runtime.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Where the fake agent lies inside a sandbox. */
const FAKE_AGENT = "/opt/openclaw/fake-agent/main.ts";

/** What a test may choose. */
export interface ServiceOptions {
  /** Default `fake`: no AI, no plugins, up in a second. `real`: the blueprint's OpenClaw. Or a path inside the sandbox. */
  agent?: "fake" | "real" | { program: string };
  /** Keeps this home, e.g. of a service that was killed. Default: a new one, removed by `stop`. */
  home?: string;
  /** Settings, as in config.yaml. */
  config?: Record<string, unknown>;
  /** Added to an environment that holds only PATH. */
  env?: Record<string, string>;
  /** Arguments after `start --no-prompt`. */
  args?: string[];
  /** Don't wait for READY. */
  waitReady?: boolean;
}

/** A line of the log. */
export type LogLine = Record<string, unknown> & { process: string; msg: string; level: string };

/** Something that runs on its own and may be killed. */
export type Part = ServiceName | "supervisor" | "redis";

/** A running service. */
export interface TestService {
  readonly home: string;
  readonly paths: Paths;
  readonly console: ConsoleClient;
  /** The process itself: its exit code and signal. */
  readonly process: ChildProcess;
  /** Everything that it printed to stderr so far. */
  stderr(): string;
  stdout(): string;
  status(): Promise<ServiceStatus>;
  /** Resolves when READY was printed. */
  ready(timeoutMs?: number): Promise<void>;
  /** Resolves with the exit code, or the signal's name. */
  exited(timeoutMs?: number): Promise<number | string>;
  ask(text: string, options?: { chat?: string; timeoutMs?: number }): Promise<AskResult>;
  pidOf(part: Part): Promise<number>;
  kill(part: Part, signal?: NodeJS.Signals): Promise<void>;
  sandboxes(): Promise<SandboxInfo[]>;
  logs(): LogLine[];
  /** Another supervisor on the same home, after this one was killed or stopped. */
  again(options?: Omit<ServiceOptions, "home">): Promise<TestService>;
  /** Ends everything, agents and Redis included, and removes the home. */
  stop(): Promise<void>;
}

/** Starts the service and waits until it is ready. */
export async function startService(options: ServiceOptions = {}): Promise<TestService> {
  const home = options.home ?? makeHome();
  const paths = pathsOf(home);
  if (options.home === undefined) await furnish(home, options);
  const child = spawn(
    process.execPath,
    [join(ROOT, "bin", "nemoclaw"), "start", "--no-prompt", ...(options.args ?? [])],
    {
      cwd: "/",
      env: { PATH: process.env["PATH"], NEMOCLAW_HOME: home, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString("utf8")));
  const end = new Promise<number | string>((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? code ?? -1)),
  );

  const service: TestService = {
    home,
    paths,
    console: consoleClient(paths.consoleSocket),
    process: child,
    stderr: () => output.stderr,
    stdout: () => output.stdout,
    status: () => askControl<ServiceStatus>(paths.status, { op: "status" }),
    ready: (timeoutMs = 90_000) =>
      waitUntil(
        () => output.stderr.includes("READY\n"),
        timeoutMs,
        () => `not READY: ${describe()}`,
        end,
      ),
    async exited(timeoutMs = 60_000) {
      const late = delay(timeoutMs, undefined, { ref: false }).then(() => {
        throw new Error(`still runs after ${timeoutMs} ms: ${describe()}`);
      });
      return Promise.race([end, late]);
    },
    ask: (text, ask = {}) => service.console.ask(text, { timeoutMs: 120_000, ...ask }),
    async pidOf(part) {
      if (part === "supervisor") return child.pid ?? 0;
      const status = await service.status();
      const pid =
        part === "redis" ? status.redis.pid : status.services.find(({ name }) => name === part)?.pid;
      if (!pid) throw new Error(`${part} has no process: ${JSON.stringify(status.services)}`);
      return pid;
    },
    async kill(part, signal = "SIGKILL") {
      process.kill(await service.pidOf(part), signal);
    },
    async sandboxes() {
      const client = new LauncherClient({ socket: paths.launcher.operatorSocket });
      try {
        return await client.list();
      } finally {
        client.close();
      }
    },
    logs: () =>
      readFileSync(join(paths.logs, "nemoclaw.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as LogLine),
    again: (more = {}) => startService({ ...options, ...more, home }),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        await askControl(paths.status, { op: "stop", sandboxes: true }).catch(() => child.kill("SIGKILL"));
        await service.exited();
      } else if (existsSync(paths.redis.socket)) {
        // A killed supervisor leaves Redis and agents, and only a supervisor can end them in order.
        const heir = await startService({ ...options, home, waitReady: false });
        await waitUntil(
          () => existsSync(paths.status) && heir.stderr() !== "",
          20_000,
          () => heir.stderr(),
          heir.exited(),
        );
        await heir.ready().catch(() => {});
        return heir.stop();
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
  const describe = () =>
    `exit ${child.exitCode ?? child.signalCode ?? "none"}\n${output.stderr.slice(-3_000)}`;
  if (options.waitReady !== false) {
    try {
      await service.ready();
    } catch (error) {
      child.kill("SIGTERM");
      throw error;
    }
  }
  return service;
}

/** A short path: sockets in it must stay below 108 bytes. */
export function makeHome(parent = tmpdir()): string {
  const home = mkdtempSync(join(parent, "nc-"));
  chmodSync(home, 0o711);
  return home;
}

/** A home with the fake agent's runtime and a configuration that uses it; nothing runs. */
export async function furnishedHome(options: ServiceOptions = {}, parent?: string): Promise<string> {
  const home = makeHome(parent);
  await furnish(home, options);
  return home;
}

/** Puts configuration and the agent's runtime into a new home. */
async function furnish(home: string, { agent = "fake", config = {} }: ServiceOptions): Promise<void> {
  const program = agent === "real" ? undefined : agent === "fake" ? FAKE_AGENT : agent.program;
  const given = (config["worker"] ?? {}) as Record<string, unknown>;
  const worker = program
    ? { ...given, profile: { ...(given["profile"] as object), agent: { program } } }
    : given;
  writeFileSync(join(home, "config.yaml"), JSON.stringify({ ...config, worker }));
  const { runtime } = pathsOf(home);
  const blueprint = await resolveBlueprint(ROOT);
  const dir = join(runtime, blueprint.digest);
  mkdirSync(runtime, { recursive: true, mode: 0o755 });
  if (agent === "fake") {
    cpSync(join(ROOT, "test", "fakes", "agent"), join(dir, "fake-agent"), { recursive: true });
    writeFileSync(join(dir, "package.json"), JSON.stringify({ type: "module" }));
    const { package: name, version } = blueprint.agent;
    writeFileSync(
      join(dir, "manifest.json"),
      JSON.stringify({ v: 1, digest: blueprint.digest, package: name, version }),
    );
  } else await realRuntime(dir);
}

/** Polls until true. @throws with `why()` when time is up or `end` settles first. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  why: () => string,
  end?: Promise<unknown>,
): Promise<void> {
  let ended = false;
  void end?.then(() => {
    ended = true;
  });
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) return;
    if (ended || performance.now() > deadline) throw new Error(why());
    await delay(25);
  }
}
