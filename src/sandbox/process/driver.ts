/**
 * The process driver: sandboxes made of bubblewrap, namespaces, seccomp, Landlock and control groups, without a daemon.
 * Owns the records and what they describe. Calls about one sandbox are done one after another. Sandboxes don't
 * depend on this process: it adopts at start what runs, and looks twice a second what has ended.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import type { Layer, SandboxDriver, SandboxId, SandboxInfo, SandboxSpec, SandboxStats } from "../driver.ts";
import { findBwrap } from "./bwrap.ts";
import { findCgroups } from "./cgroup.ts";
import type { Cgroups } from "./cgroup-group.ts";
import { readableBySandboxes } from "./config.ts";
import { DiskLimit } from "./disk-limit.ts";
import { incomplete, parkUnsupported, unknownSandbox, unreachable, unsupportedPlatform } from "./faults.ts";
import { blockedAt, isRoot } from "./files.ts";
import { Homes } from "./homes.ts";
import { advisePageOut, freeze, killAgentProcesses, type ParkSupport, parkSupport, thaw } from "./park.ts";
import { isAlive, treeUsage } from "./proc.ts";
import { ProgramFinder } from "./program.ts";
import { Records } from "./records.ts";
import { runSelfTest } from "./selftest.ts";
import { type StartContext, startSandbox } from "./start.ts";

/** What the driver is made of. */
export interface ProcessDriverOptions {
  paths: Paths;
  logger: Logger;
  /** Host directory with `bin/node`. */
  node: string;
  /** Host directory of the blueprint's runtime (`node_modules/openclaw`). */
  runtime: string;
  /** Host directory of the guest program (`init.pl`). */
  guest: string;
  /** Start sandboxes although a layer is missing (operator's choice). */
  bestEffort: boolean;
  /** As root: owners of the socket directories. Default: this process. */
  owners?: { gateway: number; worker: number };
  /** Control group that was delegated to this user, relative to the hierarchies' roots. */
  cgroup?: string | undefined;
  /** Park into swap that is neither zram nor encrypted. */
  plainSwap?: boolean;
  uidBase?: number;
  /** How often processes are looked at, and homes measured. Milliseconds. */
  watchMs?: number;
  diskMs?: number;
}

/** What is known of a sandbox beyond its record. */
interface Entry {
  info: SandboxInfo;
  /** Tail of this sandbox's queue of calls. */
  tail: Promise<unknown>;
  oomKills: number;
  /** Done when the control group of its last life is gone. */
  cleaned: Promise<void>;
}

const STOP_MS = 10_000;

/** See the file's header. Made by {@link ProcessDriver.open}. */
export class ProcessDriver implements SandboxDriver {
  readonly kind = "process";
  private readonly options: ProcessDriverOptions;
  private readonly context: StartContext;
  private readonly homes: Homes;
  private readonly disk: DiskLimit;
  private readonly cgroupsMissing: string | undefined;
  private readonly records: Records;
  private readonly programs: ProgramFinder;
  private readonly entries = new Map<SandboxId, Entry>();
  private readonly listeners = new Set<(id: SandboxId, info: SandboxInfo | undefined) => void>();
  private readonly timers: NodeJS.Timeout[] = [];

  /** Checks what the host offers, adopts running sandboxes and starts watching. Faults name what is missing. */
  static async open(options: ProcessDriverOptions): Promise<ProcessDriver> {
    if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
      throw unsupportedPlatform(process.platform, process.arch);
    }
    for (const path of [join(options.node, "bin/node"), join(options.guest, "init.pl"), options.runtime]) {
      if (!existsSync(path)) throw incomplete(path);
    }
    const bwrap = findBwrap();
    const { paths, owners, uidBase, logger } = options;
    const homes = new Homes({ paths, logger, bwrap, owners, uidBase });
    for (const path of isRoot ? [paths.home, options.runtime] : []) {
      const blocked = blockedAt(path);
      if (blocked) throw unreachable(path, blocked);
    }
    const copies = join(paths.home, "lib");
    const found = findCgroups({ home: paths.home, delegated: options.cgroup });
    const context: StartContext = {
      paths,
      bwrap,
      node: readableBySandboxes(options.node, copies, ["bin/node"]),
      guest: readableBySandboxes(options.guest, copies, ["."]),
      runtime: options.runtime,
      bestEffort: options.bestEffort,
      cgroups: "missing" in found ? undefined : found,
    };
    return new ProcessDriver(options, context, homes, "missing" in found ? found.missing : undefined);
  }

  private constructor(
    options: ProcessDriverOptions,
    context: StartContext,
    homes: Homes,
    cgroupsMissing: string | undefined,
  ) {
    this.options = options;
    this.context = context;
    this.homes = homes;
    this.disk = new DiskLimit(homes, options.logger);
    this.cgroupsMissing = cgroupsMissing;
    this.records = new Records(options.paths.launcher.records);
    this.programs = new ProgramFinder(context.cgroups);
    const damaged = (file: string, error: unknown) =>
      options.logger.error({ file, err: error }, "damaged record");
    for (const info of this.records.all(damaged)) this.adopt(info);
    const every = (ms: number, look: () => void) => this.timers.push(setInterval(look, ms));
    every(options.watchMs ?? 500, () => {
      for (const id of this.entries.keys()) this.look(id);
    });
    every(options.diskMs ?? 10_000, () => {
      const running = [...this.entries.values()]
        .map((entry) => entry.info)
        .filter((info) => info.state === "running");
      void this.disk.enforce(running, (id) => this.stop(id, "disk"));
    });
  }

  /** Stops watching. Sandboxes go on. */
  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.listeners.clear();
  }

  async selfTest(): Promise<Layer[]> {
    return runSelfTest({ context: this.context, homes: this.homes, cgroupsMissing: this.cgroupsMissing });
  }

  /** Whether sandboxes can be parked on this host now, and how or why not. */
  parkSupport(): ParkSupport {
    return parkSupport({ cgroups: this.context.cgroups, plainSwap: this.options.plainSwap ?? false });
  }

  async create(spec: SandboxSpec): Promise<SandboxInfo> {
    const { id, name, limits, agent } = spec;
    let entry = this.entries.get(id);
    const isNew = entry === undefined;
    entry ??= newEntry({
      ...{ id, name, limits, agent, state: "stopped", runName: newId("s"), bootId: "" },
      ...{ pid: 0, startTime: 0, uid: this.homes.uid(id), lastStop: "" },
    });
    this.entries.set(id, entry);
    return this.serially(id, async (known) => {
      this.homes.prepare(known.info);
      const next = { ...known.info, name, limits, agent };
      if (isNew || JSON.stringify(next) !== JSON.stringify(known.info)) this.update(known, next);
      return known.info;
    });
  }

  start(id: SandboxId): Promise<SandboxInfo> {
    return this.serially(id, async (entry) => {
      this.settleIfDead(entry);
      if (entry.info.state !== "stopped") return entry.info;
      this.homes.prepare(entry.info);
      await entry.cleaned;
      const booting = { ...entry.info, bootId: newId("b") };
      const { ended } = await startSandbox(this.context, booting, (pid, startTime) => {
        entry.oomKills = this.context.cgroups?.oomKills(id) ?? 0;
        entry.info = { ...booting, state: "running", pid, startTime };
        this.records.save(entry.info);
      });
      void ended.then(() => this.look(id));
      this.announce(id, entry.info);
      return entry.info;
    });
  }

  stop(id: SandboxId, reason: string): Promise<SandboxInfo> {
    return this.serially(id, async (entry) => {
      await this.end(entry, reason || "asked");
      return entry.info;
    });
  }

  async destroy(id: SandboxId): Promise<void> {
    if (!this.entries.has(id)) return;
    await this.serially(id, async (entry) => {
      await this.end(entry, "asked");
      await entry.cleaned;
      await this.homes.remove(entry.info);
      this.records.remove(id);
      this.disk.forget(id);
      this.entries.delete(id);
      this.announce(id, undefined);
    });
  }

  park(id: SandboxId): Promise<SandboxInfo> {
    return this.serially(id, async (entry) => {
      this.settleIfDead(entry);
      if (entry.info.state !== "running") return entry.info;
      const support = this.parkSupport();
      if (!support.ok) throw parkUnsupported(support.why);
      const { pid } = entry.info;
      // Recorded first: should we die in between, the next launcher knows that it has to be woken.
      this.update(entry, { ...entry.info, state: "parked" });
      freeze(pid);
      try {
        await this.pageOut(entry, support.how);
      } catch (error) {
        thaw(pid);
        this.update(entry, { ...entry.info, state: "running" });
        throw parkUnsupported((error as Error).message);
      }
      return entry.info;
    });
  }

  wake(id: SandboxId): Promise<SandboxInfo> {
    return this.serially(id, async (entry) => {
      this.settleIfDead(entry);
      if (entry.info.state === "parked") {
        thaw(entry.info.pid);
        this.update(entry, { ...entry.info, state: "running" });
      }
      return entry.info;
    });
  }

  trim(id: SandboxId): Promise<void> {
    return this.serially(id, async (entry) => {
      this.settleIfDead(entry);
      const support = this.parkSupport();
      if (entry.info.state === "running" && support.ok) await this.pageOut(entry, support.how);
    });
  }

  /** Kills every process of the agent; PID 1 and the guest go on. */
  killAgent(id: SandboxId): Promise<void> {
    return this.serially(id, async (entry) => {
      this.settleIfDead(entry);
      if (entry.info.state !== "stopped") killAgentProcesses(entry.info.pid);
    });
  }

  /** Doesn't wait for other calls: it only looks. */
  async programOf(id: SandboxId, port: number): Promise<string | undefined> {
    const { info } = this.known(id);
    return info.state === "running" ? this.programs.find(info, port) : undefined;
  }

  async stats(id: SandboxId): Promise<SandboxStats> {
    const entry = this.known(id);
    const disk = await this.disk.use(entry.info);
    const running = entry.info.state !== "stopped";
    const usage =
      (running && this.context.cgroups?.usage(id)) || (running ? treeUsage(entry.info.pid) : NOTHING);
    return { ...usage, ...disk };
  }

  async inspect(id: SandboxId): Promise<SandboxInfo | undefined> {
    return this.entries.get(id)?.info;
  }

  async list(): Promise<SandboxInfo[]> {
    return [...this.entries.values()].map((entry) => entry.info);
  }

  onChange(listener: (id: SandboxId, info: SandboxInfo | undefined) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // -- state

  private known(id: SandboxId): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw unknownSandbox(id);
    return entry;
  }

  private serially<T>(id: SandboxId, work: (entry: Entry) => Promise<T>): Promise<T> {
    const run = async () => work(this.known(id));
    const entry = this.entries.get(id);
    if (!entry) return run();
    const result = entry.tail.then(run, run);
    entry.tail = result.catch(() => {});
    return result;
  }

  private update(entry: Entry, info: SandboxInfo): void {
    entry.info = info;
    this.records.save(info);
    this.announce(info.id, info);
  }

  private announce(id: SandboxId, info: SandboxInfo | undefined): void {
    for (const listener of this.listeners) listener(id, info);
  }

  private adopt(info: SandboxInfo): void {
    const entry = newEntry(info);
    this.entries.set(info.id, entry);
    if (info.state === "stopped") return;
    if (isAlive(info.pid, info.startTime)) {
      entry.oomKills = this.context.cgroups?.oomKills(info.id) ?? 0;
      this.options.logger.info({ sandboxId: info.id, state: info.state }, "adopted a running sandbox");
    } else {
      this.settleIfDead(entry);
    }
  }

  /** Looks at one sandbox; acts only when something has happened to it. */
  private look(id: SandboxId): void {
    const entry = this.entries.get(id);
    if (!entry || entry.info.state === "stopped") return;
    const { pid, startTime } = entry.info;
    const kills = this.context.cgroups?.oomKills(id) ?? 0;
    if (isAlive(pid, startTime) && kills <= entry.oomKills) return;
    void this.serially(id, async (still) => {
      if (this.settleIfDead(still) || still.info.state === "stopped" || still.info.pid !== pid) return;
      if (kills > still.oomKills) {
        // The kernel killed something inside, the sandbox goes on: say so, the guest only sees its agent die.
        still.oomKills = kills;
        this.options.logger.warn({ sandboxId: id, kills }, "out of memory inside the sandbox");
        this.update(still, { ...still.info, lastStop: "oom" });
      }
    }).catch((error) => this.options.logger.error({ sandboxId: id, err: error }, "watching failed"));
  }

  /** If its PID 1 is gone, marks it stopped and says why. */
  private settleIfDead(entry: Entry): boolean {
    const { info } = entry;
    if (info.state === "stopped" || isAlive(info.pid, info.startTime)) return false;
    const kills = this.context.cgroups?.oomKills(info.id) ?? 0;
    this.settle(entry, kills > entry.oomKills ? "oom" : "exit");
    return true;
  }

  private settle(entry: Entry, lastStop: string): void {
    this.options.logger.info({ sandboxId: entry.info.id, lastStop }, "sandbox stopped");
    this.update(entry, { ...entry.info, state: "stopped", pid: 0, startTime: 0, bootId: "", lastStop });
    entry.cleaned = removeCgroup(this.context.cgroups, entry.info.id);
  }

  private async end(entry: Entry, reason: string): Promise<void> {
    if (this.settleIfDead(entry) || entry.info.state === "stopped") return;
    const { pid, startTime } = entry.info;
    process.kill(pid, "SIGKILL"); // the kernel ends everything else in its PID namespace
    for (const until = Date.now() + STOP_MS; isAlive(pid, startTime); await sleep(5)) {
      if (Date.now() > until) throw new Error(`process ${pid} of sandbox ${entry.info.id} does not end`);
    }
    this.settle(entry, reason);
  }

  private async pageOut(entry: Entry, how: "memory.reclaim" | "process_madvise"): Promise<void> {
    const { id, pid } = entry.info;
    const advise = how === "process_madvise" ? () => advisePageOut(pid) : () => Promise.resolve();
    await (this.context.cgroups?.pageOut(id, advise) ?? advise());
  }
}

function newEntry(info: SandboxInfo): Entry {
  const done = Promise.resolve();
  return { info, tail: done, oomKills: 0, cleaned: done };
}

const NOTHING = { memoryBytes: 0, swapBytes: 0, pids: 0, cpuMs: 0 };

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The last processes may take a moment to leave their group. */
async function removeCgroup(cgroups: Cgroups | undefined, id: string): Promise<void> {
  for (let tries = 0; tries < 50 && cgroups && !cgroups.remove(id); tries++) await sleep(20);
}
