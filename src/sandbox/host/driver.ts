/**
 * What every driver on this host has in common: the records and what they describe, and the order of calls (about one
 * sandbox one after another). How a sandbox is made is the cage's business (`cage.ts`). Sandboxes don't depend on this
 * process: it adopts at start what runs, and looks twice a second what has ended.
 */
import { Fault } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import type { Layer, SandboxDriver, SandboxId, SandboxInfo, SandboxSpec, SandboxStats } from "../driver.ts";
import { type Cage, NOTHING } from "./cage.ts";
import { DiskLimit } from "./disk-limit.ts";
import { parkUnsupported, restless, tooMany, unknownSandbox } from "./faults.ts";
import type { Homes } from "./homes.ts";
import { advisePageOut, freeze, killAgentProcesses, type ParkSupport, parkSupport, thaw } from "./park.ts";
import { isAlive, treeUsage } from "./proc.ts";
import { ProgramFinder } from "./program.ts";
import { Records } from "./records.ts";
import { runSelfTest } from "./selftest.ts";

/** What a driver is made of. */
export interface HostDriverOptions {
  paths: Paths;
  logger: Logger;
  cage: Cage;
  homes: Homes;
  /** Park into swap that is neither zram nor encrypted. */
  plainSwap: boolean;
  /** How many sandboxes there may be. */
  most: number;
  /** How often processes are looked at, and homes measured. Milliseconds. */
  watchMs: number;
  diskMs: number;
}

/** What is known of a sandbox beyond its record. */
interface Entry {
  info: SandboxInfo;
  /** Its record is on the disk, and whoever watches has heard of it. */
  recorded: boolean;
  /** Tail of this sandbox's queue of calls. */
  tail: Promise<unknown>;
  /** What the cage counted when it was looked at last. */
  seenKills: number;
  /** Done when what its last life left behind is gone. */
  cleaned: Promise<void>;
}

/** See the file's header. Made by {@link HostDriver.open}. */
export class HostDriver implements SandboxDriver {
  readonly kind: SandboxDriver["kind"];
  private readonly options: HostDriverOptions;
  private readonly cage: Cage;
  private readonly homes: Homes;
  private readonly disk: DiskLimit;
  private readonly records: Records;
  private readonly programs: ProgramFinder;
  private readonly entries = new Map<SandboxId, Entry>();
  private readonly listeners = new Set<(id: SandboxId, info: SandboxInfo | undefined) => void>();
  private readonly timers: NodeJS.Timeout[] = [];

  /** Adopts running sandboxes and starts watching. */
  static async open(options: HostDriverOptions): Promise<HostDriver> {
    const driver = new HostDriver(options);
    await driver.adopt();
    driver.watch();
    return driver;
  }

  private constructor(options: HostDriverOptions) {
    const { cage, homes, logger, paths } = options;
    this.options = options;
    this.kind = cage.kind;
    this.cage = cage;
    this.homes = homes;
    this.disk = new DiskLimit(homes, logger);
    this.records = new Records(paths.launcher.records);
    this.programs = new ProgramFinder((info) => cage.processes(info));
  }

  private watch(): void {
    const every = (ms: number, look: () => void) => this.timers.push(setInterval(look, ms));
    every(this.options.watchMs, () => {
      for (const id of this.entries.keys()) this.look(id);
    });
    every(this.options.diskMs, () => {
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
    this.cage.close();
  }

  selfTest(): Promise<Layer[]> {
    return runSelfTest({ paths: this.options.paths, cage: this.cage, homes: this.homes });
  }

  /** Whether sandboxes can be parked on this host now, and how or why not. */
  parkSupport(): ParkSupport {
    return parkSupport({ pagesOutAlone: this.cage.pagesOutAlone, plainSwap: this.options.plainSwap });
  }

  async create(spec: SandboxSpec): Promise<SandboxInfo> {
    const { id, name, limits, agent } = spec;
    let entry = this.entries.get(id);
    // Before anything is made or waited for: also many requests at once make no more.
    if (!entry && this.entries.size >= this.options.most) throw tooMany(this.options.most);
    entry ??= newEntry({
      ...{ id, name, limits, agent, state: "stopped", runName: newId("s"), bootId: "" },
      ...{ pid: 0, startTime: 0, uid: this.homes.uid(id), lastStop: "", oomKills: 0 },
    });
    this.entries.set(id, entry);
    return this.serially(id, async (known) => {
      this.homes.prepare(known.info);
      const next = { ...known.info, name, limits, agent };
      if (!known.recorded || JSON.stringify(next) !== JSON.stringify(known.info)) this.update(known, next);
      return known.info;
    });
  }

  start(id: SandboxId): Promise<SandboxInfo> {
    return this.serially(id, async (entry) => {
      this.settleIfDead(entry);
      if (entry.info.state !== "stopped") return entry.info;
      this.homes.prepare(entry.info);
      await entry.cleaned;
      const booting = { ...entry.info, bootId: newId("b"), oomKills: 0 };
      const record = (pid: number, startTime: number) => {
        entry.seenKills = this.cage.oomKills(booting);
        entry.info = { ...booting, state: "running", pid, startTime };
        this.records.save(entry.info);
      };
      const { ended } = await this.cage.start(booting, record).catch((error: unknown) => {
        if (entry.info.bootId === booting.bootId) this.settle(entry, "exit"); // recorded, but it came to nothing
        throw error;
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
      try {
        if (!(await freeze(pid, () => this.cage.processes(entry.info)))) throw restless(id);
        await this.pageOut(entry, support.how);
      } catch (error) {
        thaw(pid);
        this.update(entry, { ...entry.info, state: "running" });
        throw error instanceof Fault ? error : parkUnsupported((error as Error).message);
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
      if (entry.info.state === "stopped") return;
      if (await killAgentProcesses(entry.info.pid, () => this.cage.processes(entry.info))) return;
      this.options.logger.warn({ sandboxId: id }, "its processes can't be killed one by one");
      await this.end(entry, "exit"); // with PID 1 the kernel ends all
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
      (running && (await this.cage.usage(entry.info))) || (running ? treeUsage(entry.info.pid) : NOTHING);
    return { ...usage, ...disk };
  }

  async inspect(id: SandboxId): Promise<SandboxInfo | undefined> {
    const entry = this.entries.get(id);
    if (entry) this.noteKills(entry);
    return entry?.info;
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
    entry.recorded = true;
    this.announce(info.id, info);
  }

  private announce(id: SandboxId, info: SandboxInfo | undefined): void {
    for (const listener of this.listeners) listener(id, info);
  }

  private async adopt(): Promise<void> {
    const { logger } = this.options;
    const records = this.records.all((file, error) => logger.error({ file, err: error }, "damaged record"));
    this.homes.restore(records);
    const alive = await this.cage.adopt(records.filter((info) => info.state !== "stopped"));
    for (const info of records) {
      const entry = { ...newEntry(info), recorded: true };
      this.entries.set(info.id, entry);
      if (info.state === "stopped") continue;
      const life = alive.get(info.id);
      if (life) {
        entry.info = { ...info, ...life };
        if (life.pid !== info.pid) this.records.save(entry.info);
        // Less than the cage counts: something was killed while no launcher looked.
        entry.seenKills = Math.min(entry.info.oomKills, this.cage.oomKills(entry.info));
        logger.info({ sandboxId: info.id, state: info.state }, "adopted a running sandbox");
      } else {
        this.settle(entry, this.cage.oomKills(info) > 0 ? "oom" : "exit");
      }
    }
  }

  /** Looks at one sandbox; acts only when something has happened to it. */
  private look(id: SandboxId): void {
    const entry = this.entries.get(id);
    if (!entry || entry.info.state === "stopped") return;
    const { pid, startTime } = entry.info;
    if (isAlive(pid, startTime)) {
      this.noteKills(entry);
      return;
    }
    void this.serially(id, async (still) => {
      this.settleIfDead(still);
    }).catch((error) => this.options.logger.error({ sandboxId: id, err: error }, "watching failed"));
  }

  /** The kernel killed something inside, the sandbox goes on: says so, the guest only sees its agent die. */
  private noteKills(entry: Entry): void {
    const { info } = entry;
    if (info.state === "stopped" || !isAlive(info.pid, info.startTime)) return;
    const kills = this.cage.oomKills(info);
    if (kills <= entry.seenKills) return;
    const oomKills = info.oomKills + kills - entry.seenKills;
    entry.seenKills = kills;
    this.options.logger.warn({ sandboxId: info.id, oomKills }, "out of memory inside the sandbox");
    this.update(entry, { ...info, lastStop: "oom", oomKills });
  }

  /** If its PID 1 is gone, marks it stopped and says why. */
  private settleIfDead(entry: Entry): boolean {
    const { info } = entry;
    if (info.state === "stopped" || isAlive(info.pid, info.startTime)) return false;
    const kills = this.cage.oomKills(info);
    entry.info = { ...info, oomKills: info.oomKills + Math.max(0, kills - entry.seenKills) };
    this.settle(entry, kills > entry.seenKills ? "oom" : "exit");
    return true;
  }

  private settle(entry: Entry, lastStop: string): void {
    const life = entry.info;
    this.options.logger.info({ sandboxId: life.id, lastStop }, "sandbox stopped");
    this.update(entry, { ...life, state: "stopped", pid: 0, startTime: 0, bootId: "", lastStop });
    entry.cleaned = this.cage.clean(life);
  }

  private async end(entry: Entry, reason: string): Promise<void> {
    if (this.settleIfDead(entry) || entry.info.state === "stopped") return;
    await this.cage.kill(entry.info);
    this.settle(entry, reason);
  }

  private async pageOut({ info }: Entry, how: "memory.reclaim" | "process_madvise"): Promise<void> {
    const advise = how === "process_madvise" ? () => advisePageOut(info.pid) : () => Promise.resolve();
    await this.cage.pageOut(info, advise);
  }
}

function newEntry(info: SandboxInfo): Entry {
  const done = Promise.resolve();
  return { info, recorded: false, tail: done, seenKills: 0, cleaned: done };
}
