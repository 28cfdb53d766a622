/**
 * Runs the whole service on one machine: Redis first, then each process in order, each restarted when it dies; ends them
 * in order. Holds the home's lock while it lives. Does no work of the service itself.
 */
import { writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { dirname, join } from "node:path";
import { describeError } from "../../lib/errors.ts";
import { createLogger, type Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import { ensureRuntime } from "../../sandbox/index.ts";
import { PROGRAM_SUFFIX } from "../project.ts";
import { applyPending } from "../settings/pending.ts";
import { version } from "../version.ts";
import { Child } from "./child.ts";
import { type ReloadReport, type ServiceStatus, serveControl } from "./control.ts";
import type { Installation, Settings } from "./installation.ts";
import { LogFile } from "./log.ts";
import { openOperatorStore, syncProfiles } from "./profiles.ts";
import { handedOn, type ServiceRedis, startRedis } from "./redis.ts";
import { EFFECTS, planReload } from "./reload.ts";
import { Sandboxes } from "./sandboxes.ts";
import { isBot } from "./secrets.ts";
import { outlastChildren, recordChildren } from "./survivors.ts";
import type { ServiceName } from "./users.ts";

/** A bridge whose platform doesn't answer holds up the start this long; then the rest serves without it. */
const BRIDGE_WAIT_MS = 15_000;
const ENDING_MS = 5_000;
/** A client of the control socket that doesn't hang up holds up our end no longer than this. */
const ANSWER_MS = 1_000;

/** In this order they start; in the reverse order they end, but the worker first (RELIABILITY §6, drain). */
const START_ORDER: ServiceName[][] = [
  ["launcher"],
  ["access", "gateway"],
  ["worker"],
  ["console", "telegram-bridge", "discord-bridge"],
];
const DRAIN_ORDER: { names: ServiceName[]; limitMs: number }[] = [
  { names: ["worker"], limitMs: TIMEOUTS.drainTurns + ENDING_MS },
  { names: ["console", "telegram-bridge", "discord-bridge"], limitMs: TIMEOUTS.drainOutbox + ENDING_MS },
  { names: ["access"], limitMs: ENDING_MS },
  { names: ["gateway"], limitMs: ENDING_MS },
  { names: ["launcher"], limitMs: ENDING_MS },
];

/** What a supervisor is made of. */
export interface SupervisorOptions {
  installation: Installation;
  /** Lines for people, on their way to stderr. */
  progress: (line: string) => void;
  /** Every line of the log, e.g. for a terminal. */
  onLog: (line: string) => void;
}

/** Node and the agent's program, as processes are told of them. */
interface Runtime {
  node: string;
  dir: string;
  digest: string;
}

/** See the module's header. */
export class Supervisor {
  readonly #installation: Installation;
  readonly #progress: (line: string) => void;
  readonly #log: LogFile;
  readonly #logger: Logger;
  readonly #sandboxes: Sandboxes;
  readonly #children = new Map<ServiceName, Child>();
  readonly #startedAt = new Date();
  readonly #warnings: string[];
  readonly #everReady = Promise.withResolvers<void>();
  #redis: ServiceRedis | undefined;
  #control: Server | undefined;
  #stopping: Promise<void> | undefined;
  #started = false;
  #settings: Settings;
  #runtime: Runtime | undefined;
  #reloading: Promise<unknown> = Promise.resolve();
  /** Settles when {@link stop} has ended everything. */
  readonly ended: Promise<void>;
  /** Settles when whoever asked for the end has been told of it, too. */
  readonly answered: Promise<void>;
  readonly #answered = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: SupervisorOptions) {
    const { installation } = options;
    this.#installation = installation;
    this.#settings = installation;
    this.#progress = options.progress;
    this.#log = new LogFile(installation.paths.logs);
    this.#log.onLine(options.onLog);
    this.#logger = createLogger({
      process: "supervisor",
      level: installation.config.log.level,
      destination: this.#log,
    });
    this.#sandboxes = new Sandboxes(installation, this.#logger);
    this.#warnings = [...installation.notices];
    this.ended = this.#ended.promise;
    this.answered = this.#answered.promise;
  }

  /** Resolves as soon as every process is ready at the same time. */
  get ready(): Promise<void> {
    return this.#everReady.promise;
  }

  get status(): ServiceStatus {
    const redis = this.#redis;
    const services = [...this.#children.values()].map((child) => child.status);
    const allReady = this.#started && services.every((service) => service.state === "ready");
    return {
      state: this.#stopping ? "stopping" : allReady ? "ready" : this.#started ? "degraded" : "starting",
      pid: process.pid,
      version,
      home: this.#installation.paths.home,
      startedAt: this.#startedAt.toISOString(),
      redis: { where: redis?.where ?? "", pid: redis?.pid ?? 0, adopted: redis?.adopted ?? false },
      services,
      layers: this.#sandboxes.layers,
      warnings: this.#warnings,
    };
  }

  /** Address of the console's page, with its token; for the operator's terminal only. */
  get consoleUrl(): string | undefined {
    return this.#children.get("console")?.status.facts["url"];
  }

  /**
   * Starts everything. Resolves when the service takes messages.
   * @throws the Fault of the first part that can't start; everything that was started is ended before.
   */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      this.#logger.error({ err: error }, "start failed");
      await this.stop({ sandboxes: false });
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { paths, root, blueprint } = this.#installation;
    this.#logger.info({ home: paths.home, version, root }, "starting");
    const stuck = await outlastChildren(this.#childrenFile, TIMEOUTS.lease);
    if (stuck.length > 0) this.#logger.warn({ services: stuck }, "killed what a dead supervisor left");
    this.#control = await serveControl(paths.status, async (request, closed) => {
      if (request.op === "status") return this.status;
      if (request.op === "rest") return this.#rest(closed);
      if (request.op === "reload") return this.reload();
      await this.stop({ sandboxes: request.sandboxes });
      return undefined;
    });

    for (const name of START_ORDER.flat()) {
      if (!isBot(name) || this.#settings.bots.includes(name)) this.#prepare(name);
    }
    const node = process.execPath;
    const [runtime, redis] = await Promise.all([
      ensureRuntime({ blueprint, paths, node, onProgress: this.#progress, logger: this.#logger }),
      startRedis(this.#installation, this.#logger),
    ]);
    this.#redis = redis;
    writeFileSync(paths.redisAccess, JSON.stringify(redis.access), { mode: 0o600 });
    this.#progress(`· Redis ${redis.adopted ? "found running" : "started"}`);
    this.#runtime = { node, ...runtime };
    await this.#syncProfiles();
    for (const names of START_ORDER) {
      const children = names.flatMap((name) => this.#children.get(name) ?? []);
      await Promise.all(children.map((child) => this.#startChild(child)));
      if (names.includes("launcher")) this.#warnings.push(...(await this.#sandboxes.checkLayers()));
    }
    await applyPending(paths, this.#logger);
    this.#started = true;
    this.#changed();
  }

  #prepare(name: ServiceName): void {
    const child = new Child({
      name,
      paths: this.#installation.paths,
      ids: this.#installation.users[name],
      program: join(import.meta.dirname, "..", `service${PROGRAM_SUFFIX}`),
      log: this.#log,
      logger: this.#logger,
      onChange: () => this.#changed(),
    });
    this.#children.set(name, child);
    child.prepare();
  }

  async #startChild(child: Child): Promise<void> {
    const { name } = child;
    const { paths, hostId, users } = this.#installation;
    const { config } = this.#settings;
    const { node, dir, digest } = this.#runtime!;
    const started = child
      .start({
        name,
        home: paths.home,
        hostId,
        config: handedOn(config),
        redis: this.#redis!.access,
        users,
        solo: this.#sandboxes.solo(config.sandbox.protections),
        runtime: { node, dir, digest },
      })
      .then(() => this.#progress(`· ${name} ready`));
    if (!isBot(name)) return started;
    // Its platform may be away: that must not keep the others from serving.
    const late = new Promise<void>((resolve) => {
      setTimeout(resolve, BRIDGE_WAIT_MS).unref();
    }).then(() => {
      if (child.status.state !== "ready")
        this.#progress(
          `! ${name} is not ready yet: ${child.status.trouble || "its platform does not answer"}`,
        );
    });
    started.catch((error: unknown) => this.#logger.error({ err: error }, "bridge can't start"));
    return Promise.race([started, late]);
  }

  /** Onboarded names and models into Redis. Not having them there is no reason not to serve. */
  async #syncProfiles(): Promise<void> {
    const { paths, hostId } = this.#installation;
    try {
      const store = await openOperatorStore(paths, this.#redis!.access, hostId, this.#logger);
      await syncProfiles(store, this.#settings.config.sandboxes).finally(() => store.close());
    } catch (error) {
      this.#logger.error({ err: error }, "profiles of onboarded sandboxes could not be written");
    }
  }

  /**
   * Takes changed settings over: all of them are checked first, then each counts at once, by a restart of its process,
   * or at the next start (reload.ts). One at a time.
   * @throws Fault `config-invalid`, `layers-missing`: then nothing has changed.
   */
  reload(): Promise<ReloadReport> {
    const reloading = this.#reloading.then(() => this.#reload());
    this.#reloading = reloading.catch(() => {});
    return reloading;
  }

  async #reload(): Promise<ReloadReport> {
    const before = this.#settings;
    const after = this.#installation.reread();
    const { changed, restart, waits } = planReload(before, after);
    // What waits for the next start must not come halfway, by the restart of one process.
    const kept = Object.entries(before.config).filter(([key]) => EFFECTS[key] === "start");
    const config = { ...after.config, ...Object.fromEntries(kept) };
    this.#sandboxes.judge({ ...after, config });
    this.#settings = { ...after, config };
    this.#logger.level = config.log.level;
    this.#logger.info({ changed, restart, waits }, "settings changed");
    await this.#syncProfiles();
    const troubles: string[] = [];
    for (const name of START_ORDER.flat()) {
      const child = this.#children.get(name);
      if (!child && restart.includes(name)) {
        this.#prepare(name);
        await this.#startChild(this.#children.get(name)!);
      } else if (child && restart.includes(name)) {
        const { limitMs } = DRAIN_ORDER.find(({ names }) => names.includes(name))!;
        await child
          .restart(handedOn(config), limitMs)
          .catch((error: unknown) => troubles.push(describeError(error)));
      } else child?.reconfigure(handedOn(config));
    }
    await applyPending(this.#installation.paths, this.#logger);
    return { changed, restarted: restart, waits, troubles };
  }

  /**
   * Brings the agents to rest: the worker drains, every sandbox stops, and neither starts again before `over` settles.
   * Bridges and Redis go on: what is said meanwhile waits in its mailbox. Reloads wait, too.
   */
  async #rest(over: Promise<void>): Promise<void> {
    const { limitMs } = DRAIN_ORDER.find(({ names }) => names.includes("worker"))!;
    const resting = Promise.withResolvers<void>();
    const before = this.#reloading;
    this.#reloading = resting.promise;
    await before;
    this.#logger.info("bringing agents to rest");
    const rested = (async () => {
      await this.#children.get("worker")?.drain(limitMs, false);
      await this.#sandboxes.stopAll();
    })();
    void Promise.allSettled([over, rested])
      .then(async () => {
        if (this.#stopping) return;
        this.#logger.info("agents' rest is over");
        this.#prepare("worker");
        await this.#startChild(this.#children.get("worker")!);
      })
      .catch((error: unknown) => this.#logger.error({ err: error }, "the worker can't start after a rest"))
      .finally(() => resting.resolve());
    await rested;
  }

  /**
   * Ends everything in order; with `sandboxes` the agents too, otherwise they stay and are adopted by the next start.
   * In a `hurry` a running turn is not waited for.
   */
  stop(what: { sandboxes: boolean; hurry?: boolean }): Promise<void> {
    this.#stopping ??= this.#stop(what).finally(() => this.#ended.resolve());
    return this.#stopping;
  }

  async #stop({ sandboxes, hurry = false }: { sandboxes: boolean; hurry?: boolean }): Promise<void> {
    this.#logger.info({ sandboxes }, "stopping");
    for (const { names, limitMs } of DRAIN_ORDER) {
      if (sandboxes && names.includes("launcher")) await this.#sandboxes.stopAll();
      await Promise.all(names.map((name) => this.#children.get(name)?.drain(limitMs, hurry)));
    }
    try {
      await this.#redis?.stop();
    } catch (error) {
      this.#logger.error({ err: error }, "redis did not end");
    }
    this.#logger.info("stopped");
    if (this.#control) this.#control.close(() => this.#answered.resolve());
    else this.#answered.resolve();
    setTimeout(this.#answered.resolve, ANSWER_MS).unref();
    recordChildren(this.#childrenFile, []);
    this.#installation.lock.release();
  }

  get #childrenFile(): string {
    return join(dirname(this.#installation.paths.status), "children.json");
  }

  #changed(): void {
    recordChildren(
      this.#childrenFile,
      [...this.#children.values()].map((child) => child.status),
    );
    if (this.status.state === "ready") this.#everReady.resolve();
  }
}
