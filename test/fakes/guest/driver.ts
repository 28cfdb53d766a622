/**
 * FAKE: a sandbox driver whose sandboxes are {@link FakeGuest}s in this process. Real in everything that the worker
 * sees of it: states, bootIds, why a sandbox stopped, changes told to watchers.
 */
import { mkdirSync } from "node:fs";
import { Fault } from "../../../src/lib/errors.ts";
import { newId } from "../../../src/lib/ids.ts";
import type { Paths } from "../../../src/lib/paths.ts";
import type {
  Layer,
  SandboxDriver,
  SandboxInfo,
  SandboxSpec,
  SandboxStats,
} from "../../../src/sandbox/driver.ts";
import { FakeGuest } from "./guest.ts";

/** See the module's header. */
export class FakeDriver implements SandboxDriver {
  readonly kind = "process" as const;
  readonly guests = new Map<string, FakeGuest>();
  readonly calls: string[] = [];
  readonly #paths: Paths;
  readonly #infos = new Map<string, SandboxInfo>();
  readonly #listeners = new Set<(id: string, info: SandboxInfo | undefined) => void>();
  /** Given to each new guest. */
  warmMs = 0;
  canPark = true;
  /** How late the driver hears that the kernel killed something. */
  killToldMs = 0;
  /** Called with each new guest. */
  onGuest: ((guest: FakeGuest) => void) | undefined;

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  async selfTest(): Promise<Layer[]> {
    return [];
  }

  async create(spec: SandboxSpec): Promise<SandboxInfo> {
    this.calls.push(`create ${spec.id}`);
    const known = this.#infos.get(spec.id);
    if (known) return this.#set({ ...known, name: spec.name, limits: spec.limits, agent: spec.agent });
    return this.#set({
      id: spec.id,
      name: spec.name,
      state: "stopped",
      runName: newId("r"),
      bootId: "",
      pid: 0,
      startTime: 0,
      uid: process.getuid?.() ?? 0,
      limits: spec.limits,
      agent: spec.agent,
      lastStop: "",
      oomKills: 0,
    });
  }

  async start(id: string): Promise<SandboxInfo> {
    this.calls.push(`start ${id}`);
    const info = this.#get(id);
    if (info.state !== "stopped") return info;
    const bootId = newId("b");
    mkdirSync(this.#paths.controlDir(info.runName), { recursive: true });
    const guest = new FakeGuest({
      sandboxId: id,
      bootId,
      socketPath: this.#paths.controlSocket(info.runName),
      warmMs: this.warmMs,
      onDeath: (why) => this.#stopped(id, why),
      onOomKill: () => this.#oomKill(id),
    });
    this.guests.set(id, guest);
    this.onGuest?.(guest);
    return this.#set({ ...info, state: "running", bootId, pid: 1, startTime: 1, oomKills: 0 });
  }

  async stop(id: string, reason: string): Promise<SandboxInfo> {
    this.calls.push(`stop ${id} ${reason}`);
    if (this.#get(id).state !== "stopped") this.#stopped(id, "asked");
    return this.#get(id);
  }

  async destroy(id: string): Promise<void> {
    this.#stopped(id, "asked");
    this.#infos.delete(id);
    for (const listener of this.#listeners) listener(id, undefined);
  }

  async park(id: string): Promise<SandboxInfo> {
    this.calls.push(`park ${id}`);
    if (!this.canPark) throw new Fault({ code: "sandbox-park-unsupported", message: "no swap" });
    this.guests.get(id)?.freeze();
    return this.#set({ ...this.#get(id), state: "parked" });
  }

  async wake(id: string): Promise<SandboxInfo> {
    this.calls.push(`wake ${id}`);
    this.guests.get(id)?.thaw();
    return this.#set({ ...this.#get(id), state: "running" });
  }

  async trim(id: string): Promise<void> {
    this.calls.push(`trim ${id}`);
  }

  async killAgent(id: string): Promise<void> {
    this.calls.push(`killAgent ${id}`);
    this.guests.get(id)?.killAgent();
  }

  async programOf(): Promise<undefined> {
    return undefined;
  }

  async stats(): Promise<SandboxStats> {
    return { memoryBytes: 0, swapBytes: 0, pids: 0, cpuMs: 0, diskBytes: 0, inodes: 0 };
  }

  async inspect(id: string): Promise<SandboxInfo | undefined> {
    return this.#infos.get(id);
  }

  async list(): Promise<SandboxInfo[]> {
    return [...this.#infos.values()];
  }

  onChange(listener: (id: string, info: SandboxInfo | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all guests. */
  close(): void {
    for (const guest of this.guests.values()) guest.kill();
  }

  #get(id: string): SandboxInfo {
    const info = this.#infos.get(id);
    if (!info) throw new Fault({ code: "sandbox-unknown", message: id });
    return info;
  }

  #set(info: SandboxInfo): SandboxInfo {
    this.#infos.set(info.id, info);
    for (const listener of this.#listeners) listener(info.id, info);
    return info;
  }

  /** The kernel killed something inside; told after `killToldMs`, as a daemon's event would be. */
  #oomKill(id: string): void {
    const tell = () => {
      const info = this.#get(id);
      this.#set({ ...info, lastStop: "oom", oomKills: info.oomKills + 1 });
    };
    if (this.killToldMs === 0) tell();
    else setTimeout(tell, this.killToldMs);
  }

  /** A sandbox ended by itself. */
  protected ended(id: string, why: string): void {
    this.#stopped(id, why);
  }

  #stopped(id: string, lastStop: string): void {
    this.guests.get(id)?.kill();
    this.#set({ ...this.#get(id), state: "stopped", bootId: "", pid: 0, startTime: 0, lastStop });
  }
}
