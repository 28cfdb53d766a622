/**
 * A worker's whole surroundings for tests: real Redis with the real ACL, real launcher sockets over a fake driver,
 * a user who sends messages and reads the outbox. Workers run in this process or as real child processes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { principalOf } from "../../../src/lib/ids.ts";
import { type Paths, pathsOf } from "../../../src/lib/paths.ts";
import { LauncherClient, Limits } from "../../../src/sandbox/index.ts";
import { LauncherServer } from "../../../src/sandbox/launcher/server.ts";
import type { AcceptResult, AnswerRecord, DraftMessage, Store } from "../../../src/store/index.ts";
import { type RunningWorker, runWorker, WorkerConfig } from "../../../src/worker/index.ts";
import { FakeDriver } from "../../fakes/guest/driver.ts";
import { startTestRedis, type TestRedis } from "../../helpers/redis.ts";

/** A logger for tests: silent unless LOG is set. */
export const log = pino({ level: process.env["LOG"] ?? "silent" }, pino.destination({ fd: 2, sync: true }));

/** See the module's header. */
export class Harness {
  readonly redis: TestRedis;
  readonly paths: Paths;
  readonly driver: FakeDriver;
  readonly bridge: Store;
  readonly drafts: DraftMessage[] = [];
  /** What each child logged. */
  readonly logs = new Map<ChildProcess, Record<string, unknown>[]>();
  #server: LauncherServer;
  readonly #workers: RunningWorker[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #clients: LauncherClient[] = [];
  #updates = 0;

  private constructor(redis: TestRedis, driverOf: (paths: Paths) => FakeDriver) {
    this.redis = redis;
    this.paths = pathsOf(redis.home);
    this.driver = driverOf(this.paths);
    this.bridge = redis.store("bridge-console");
    this.#server = this.#launcher();
  }

  static async start(driverOf = (paths: Paths) => new FakeDriver(paths)): Promise<Harness> {
    const harness = new Harness(await startTestRedis(), driverOf);
    mkdirSync(dirname(harness.paths.launcher.workerSocket), { recursive: true });
    await harness.#server.listen();
    await harness.bridge.ready();
    await harness.bridge.outbox("console").onDraft((draft) => harness.drafts.push(draft));
    return harness;
  }

  /** The launcher dies; guests go on. */
  stopLauncher(): void {
    this.#server.close();
  }

  async startLauncher(): Promise<void> {
    this.#server = this.#launcher();
    await this.#server.listen();
  }

  #launcher(): LauncherServer {
    const uid = process.getuid?.() ?? 0;
    const roles = { worker: uid, gateway: uid, operator: uid };
    return new LauncherServer({
      paths: this.paths,
      logger: log,
      driver: this.driver,
      layers: () => [],
      roles,
      ceiling: () => Limits.parse({}),
    });
  }

  /** A worker in this process. */
  async worker(config: Partial<WorkerConfig> = {}): Promise<RunningWorker> {
    const store = this.redis.store("worker");
    await store.ready();
    const launcher = new LauncherClient({ socket: this.paths.launcher.workerSocket });
    this.#clients.push(launcher);
    const worker = await runWorker({
      paths: this.paths,
      config: WorkerConfig.parse({ coldStarts: 8, ...config }),
      store,
      launcher,
      hostId: "host1",
      log,
      onFatal: (error) => {
        throw error;
      },
    });
    this.#workers.push(worker);
    await worker.ready;
    return worker;
  }

  /** A worker as a process of its own; resolves when it is ready (at once with `wait: false`). */
  async child(options: { failpoint?: string; wait?: boolean } = {}): Promise<ChildProcess> {
    const child = spawn(process.execPath, [fileURLToPath(new URL("./worker-process.ts", import.meta.url))], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        LOG: process.env["LOG"] ?? "info",
        NEMOCLAW_HOME: this.paths.home,
        REDIS_LOGIN: JSON.stringify(this.redis.users.worker),
        ...(options.failpoint ? { NEMOCLAW_FAILPOINT: options.failpoint } : {}),
      },
    });
    this.#children.push(child);
    const lines: Record<string, unknown>[] = [];
    this.logs.set(child, lines);
    createInterface(child.stderr).on("line", (line) => {
      if (process.env["LOG"]) console.error(line);
      if (line.startsWith("{")) lines.push(JSON.parse(line));
      else console.error(line);
    });
    if (options.wait === false) return child;
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code, signal) => reject(new Error(`worker ended: ${code ?? signal}`)));
      child.stdout?.on("data", (data: Buffer) => data.includes("ready") && resolve());
    });
    return child;
  }

  /** A user's message or command in one of its chats. */
  async say(user: string, text: string, chat = user): Promise<AcceptResult> {
    const command = /^\/(new|stop)$/.exec(text)?.[1] as "new" | "stop" | undefined;
    return this.bridge.ingress("console").accept({
      conversation: `console.${chat}`,
      bridge: "console",
      principal: principalOf("console", user),
      updateKey: `u${++this.#updates}.${process.pid}`,
      deliver: { chat },
      sender: { id: user, name: user },
      ...(command ? { command: { name: command } } : { text }),
    });
  }

  /** Answers that wait in a chat's outbox, oldest first. */
  answers(chat: string): Promise<AnswerRecord[]> {
    return this.bridge.outbox("console").pending(`console.${chat}`);
  }

  /** What answers say, in short: `final: …`, `failed: code`, `notice: code`. */
  async said(chat: string): Promise<string[]> {
    return (await this.answers(chat)).map(({ body }) => {
      if (body.kind === "final") return `final: ${body.markdown}`;
      return body.kind === "failure" ? `failed: ${body.code}` : `notice: ${body.code}`;
    });
  }

  /** Waits until the chat has `count` answers; fails with what there is after `ms`. */
  async until(chat: string, count: number, ms = 15_000): Promise<string[]> {
    const end = performance.now() + ms;
    for (;;) {
      const said = await this.said(chat).catch(() => [] as string[]);
      if (said.length >= count) return said;
      if (performance.now() > end)
        throw new Error(`${chat}: ${count} answers awaited, got ${JSON.stringify(said)}`);
      await sleep(20);
    }
  }

  guest(user: string) {
    const guest = this.driver.guests.get(principalOf("console", user));
    if (!guest) throw new Error(`${user} has no guest`);
    return guest;
  }

  file(name: string): string {
    return join(this.redis.home, name);
  }

  /** Rules that hosts broke, of all guests. */
  violations(): string[] {
    return [...this.driver.guests.values()].flatMap((guest) => guest.violations);
  }

  /** Workers of this process. */
  async closeWorkers(): Promise<void> {
    for (const worker of this.#workers.splice(0)) await worker.close();
  }

  /** Ends workers that are processes of their own, stopped ones too. */
  async killChildren(): Promise<void> {
    for (const child of this.#children.splice(0))
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await gone;
      }
  }

  async stop(): Promise<void> {
    await this.closeWorkers();
    for (const client of this.#clients) client.close();
    await this.killChildren();
    this.driver.close();
    this.#server.close();
    await this.redis.stop();
  }
}

/** Waits for a condition. */
export async function eventually(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${condition}`);
    await sleep(20);
  }
}
