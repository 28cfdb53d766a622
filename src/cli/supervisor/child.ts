/**
 * One supervised process: started as its own user with an empty environment, told its settings over IPC, restarted when
 * it dies, ended in order. It runs in a session of its own, so that an interrupt in the terminal reaches the supervisor
 * only. Knows nothing of what the process does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import { childEnvironment } from "./environment.ts";
import type { LogFile } from "./log.ts";
import type { FromService, ServiceSettings, ToService } from "./messages.ts";
import { LOOP_EXITS, planRestart } from "./restart.ts";
import type { Ids, ServiceName } from "./users.ts";

/** `starting → ready ⇄ unresponsive`, `waiting` between two lives, `crash-loop` = waiting after many short ones. */
export type ChildState =
  | "starting"
  | "ready"
  | "unresponsive"
  | "waiting"
  | "crash-loop"
  | "stopping"
  | "stopped";

/** What `nemoclaw status` shows of it. */
export interface ChildStatus {
  name: string;
  state: ChildState;
  pid: number;
  restarts: number;
  since: string;
  /** Why it ended last, or why it can't start; empty while all is well. */
  trouble: string;
  facts: Record<string, string>;
}

const PING_MS = 2_000;
const UNRESPONSIVE_MS = 10_000;

/** What a child is made of. */
export interface ChildOptions {
  name: ServiceName;
  paths: Paths;
  ids: Ids;
  /** Path of the program that runs a service (`service.ts`). */
  program: string;
  log: LogFile;
  logger: Logger;
  onChange: () => void;
}

/** See the module's header. */
export class Child {
  readonly name: ServiceName;
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #settings: ServiceSettings | undefined;
  #state: ChildState = "starting";
  #since = new Date();
  #restarts = 0;
  #shortLives = 0;
  #trouble = "";
  #facts: Record<string, string> = {};
  #draining = false;
  /** The next exit is wanted: it starts again at once. */
  #restarting = false;
  /** Settles when it is up again after a wanted restart, or can't be. */
  #up: PromiseWithResolvers<void> | undefined;
  #lastPong = 0;
  readonly #ready = Promise.withResolvers<void>();

  constructor(options: ChildOptions) {
    this.#options = options;
    this.name = options.name;
    this.#ready.promise.catch(() => {}); // Whoever waits gets it; nobody waiting is no crash.
  }

  get status(): ChildStatus {
    return {
      name: this.name,
      state: this.#state,
      pid: this.#process?.pid ?? 0,
      restarts: this.#restarts,
      since: this.#since.toISOString(),
      trouble: this.#trouble,
      facts: this.#facts,
    };
  }

  /** Starts the process, which loads its code and waits: loading of all processes overlaps. */
  prepare(): void {
    this.#spawn();
  }

  /**
   * Lets it begin; resolves when it says that it is ready for the first time.
   * @throws the process's own Fault when it can't start and a retry can't help, `service-crash-loop` when it keeps dying.
   */
  start(settings: ServiceSettings): Promise<void> {
    this.#settings = settings;
    this.#send({ type: "settings", settings });
    return this.#ready.promise;
  }

  /** Tells it settings that count at once; the next life gets them too. */
  reconfigure(config: ServiceSettings["config"]): void {
    if (this.#settings) this.#settings = { ...this.#settings, config };
    this.#send({ type: "config", config });
  }

  /**
   * Ends it in order and starts it with other settings; resolves when it is ready again.
   * @throws the process's own Fault when it can't start with them; the supervisor goes on trying.
   */
  async restart(config: ServiceSettings["config"], limitMs: number): Promise<void> {
    if (this.#settings) this.#settings = { ...this.#settings, config };
    const child = this.#process;
    // Between two lives: the next one gets the new settings anyhow.
    if (this.#draining || !child || child.exitCode !== null || child.signalCode !== null) return;
    this.#restarting = true;
    this.#up ??= Promise.withResolvers();
    const up = this.#up.promise;
    this.#send({ type: "drain", hurry: false });
    const late = setTimeout(() => child.kill("SIGKILL"), limitMs);
    child.once("exit", () => clearTimeout(late));
    return up;
  }

  /** Ends it in order; after `limitMs` by SIGKILL. */
  async drain(limitMs: number, hurry: boolean): Promise<void> {
    this.#draining = true;
    this.#ready.reject(
      new Fault({ code: "service-stopped", message: `${this.name} was stopped while starting` }),
    );
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return this.#enter("stopped");
    this.#enter("stopping");
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.#send({ type: "drain", hurry });
    const late = AbortSignal.timeout(limitMs);
    late.addEventListener("abort", () => {
      this.#options.logger.warn({ service: this.name, ms: limitMs }, "did not end in time, killing it");
      child.kill("SIGKILL");
    });
    await gone;
    this.#enter("stopped");
  }

  #spawn(): void {
    const { paths, ids, program, log, logger } = this.#options;
    const root = process.getuid?.() === 0;
    const child = spawn(process.execPath, [program, this.name, paths.home], {
      cwd: "/",
      env: childEnvironment(process.env, paths, this.name),
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "json",
      detached: true,
      ...(root ? ids : {}),
    });
    this.#process = child;
    this.#enter("starting");
    const born = performance.now();
    const output = log.collector(this.name);
    child.stdout?.on("data", output.push);
    const errors = log.collector(this.name);
    child.stderr?.on("data", errors.push);
    child.on("message", (message) => this.#hear(message as FromService));
    child.on("error", (error) => logger.error({ service: this.name, err: error }, "could not be started"));
    const pings = setInterval(() => this.#ping(), PING_MS);
    child.once("close", (code, signal) => {
      clearInterval(pings);
      output.end();
      errors.end();
      this.#ended(performance.now() - born, signal ?? `exit code ${code}`);
    });
    if (this.#settings) this.#send({ type: "settings", settings: this.#settings });
  }

  #hear(message: FromService): void {
    if (message.type === "pong") {
      this.#lastPong = performance.now();
      if (message.facts) this.#facts = message.facts;
      if (this.#state === "unresponsive") this.#enter("ready");
    } else if (message.type === "ready") {
      this.#facts = message.facts;
      this.#trouble = "";
      this.#lastPong = performance.now();
      if (!this.#draining) this.#enter("ready");
      this.#ready.resolve();
      this.#settleRestart((up) => up.resolve());
    } else if (message.type === "failed") {
      const { code, hint, retryable } = message;
      this.#trouble = hint ? `${message.message} (${hint})` : message.message;
      const fault = new Fault({
        ...{ code, message: `${this.name}: ${message.message}` },
        ...(hint ? { hint } : {}),
      });
      if (!retryable) this.#ready.reject(fault);
      this.#settleRestart((up) => up.reject(fault));
    }
  }

  #settleRestart(how: (up: PromiseWithResolvers<void>) => void): void {
    if (this.#up) how(this.#up);
    this.#up = undefined;
  }

  #ping(): void {
    this.#send({ type: "ping", n: 0 });
    const silent = performance.now() - this.#lastPong;
    if (this.#state !== "ready" || silent < UNRESPONSIVE_MS) return;
    this.#options.logger.warn({ service: this.name, ms: Math.round(silent) }, "does not respond");
    this.#enter("unresponsive");
  }

  #ended(livedMs: number, how: string): void {
    if (this.#draining) {
      this.#enter("stopped");
      return;
    }
    if (this.#restarting) {
      this.#restarting = false;
      this.#spawn();
      return;
    }
    const plan = planRestart(this.#shortLives, livedMs, Math.random());
    this.#shortLives = plan.shortLives;
    this.#trouble ||= `ended by ${how}`;
    const { logger } = this.#options;
    logger.warn(
      { service: this.name, how, ms: Math.round(livedMs), restartMs: plan.delayMs },
      "process ended",
    );
    if (plan.crashLoop && plan.shortLives === LOOP_EXITS)
      logger.error(
        { service: this.name, trouble: this.#trouble },
        "crash loop: trying again ever more slowly",
      );
    if (plan.crashLoop)
      this.#ready.reject(
        new Fault({
          code: "service-crash-loop",
          message: `${this.name} keeps dying: ${this.#trouble}`,
          hint: "nemoclaw logs",
        }),
      );
    this.#enter(plan.crashLoop ? "crash-loop" : "waiting");
    void delay(plan.delayMs, undefined, { ref: false }).then(() => {
      if (this.#draining) return;
      this.#restarts += 1;
      this.#spawn();
    });
  }

  #send(message: ToService): void {
    if (this.#process?.connected) this.#process.send(message, () => {});
  }

  #enter(state: ChildState): void {
    if (this.#state !== state) this.#since = new Date();
    this.#state = state;
    this.#options.onChange();
  }
}
