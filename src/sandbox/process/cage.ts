/**
 * The process cage: sandboxes made of bubblewrap, namespaces, seccomp, Landlock and control groups, without a daemon.
 * Must never start anything that isn't under its limits, where this host has control groups.
 */
import type { SandboxInfo } from "../driver.ts";
import type { Cage, OtherProgram, RecordLife, Usage } from "../host/cage.ts";
import { isAlive } from "../host/proc.ts";
import type { Cgroups } from "./cgroup-group.ts";
import { type StartContext, startSandbox } from "./start.ts";

const STOP_MS = 10_000;

/** See the file's header. */
export class ProcessCage implements Cage {
  readonly kind = "process";
  readonly namespaces: readonly string[] = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup"];
  readonly caps: { kind: string } | { missing: string };
  private readonly context: StartContext;
  private readonly cgroups: Cgroups | undefined;

  constructor(context: StartContext, cgroupsMissing: string) {
    this.context = context;
    this.cgroups = context.cgroups;
    this.caps = context.cgroups ?? { missing: cgroupsMissing };
  }

  get pagesOutAlone(): boolean {
    return this.cgroups?.pagesOutAlone ?? false;
  }

  async adopt(records: readonly SandboxInfo[]): Promise<Map<string, { pid: number; startTime: number }>> {
    const alive = records.filter(({ pid, startTime }) => isAlive(pid, startTime));
    return new Map(alive.map(({ id, pid, startTime }) => [id, { pid, startTime }]));
  }

  start(info: SandboxInfo, record: RecordLife, instead?: OtherProgram): Promise<{ ended: Promise<void> }> {
    const context = instead ? { ...this.context, bestEffort: false } : this.context;
    return startSandbox(context, info, record, instead);
  }

  /** The kernel ends everything else in the PID namespace. */
  async kill({ id, pid, startTime }: SandboxInfo): Promise<void> {
    if (isAlive(pid, startTime)) process.kill(pid, "SIGKILL");
    for (const until = Date.now() + STOP_MS; isAlive(pid, startTime); await sleep(5)) {
      if (Date.now() > until) throw new Error(`process ${pid} of sandbox ${id} does not end`);
    }
  }

  /** The last processes may take a moment to leave their group. */
  async clean({ id }: SandboxInfo): Promise<void> {
    for (let tries = 0; tries < 50 && this.cgroups && !this.cgroups.remove(id); tries++) await sleep(20);
  }

  oomKills({ id }: SandboxInfo): number {
    return this.cgroups?.oomKills(id) ?? 0;
  }

  async usage({ id }: SandboxInfo): Promise<Usage | undefined> {
    return this.cgroups?.usage(id);
  }

  processes({ id }: SandboxInfo): number[] | undefined {
    return this.cgroups?.processes(id);
  }

  async pageOut({ id }: SandboxInfo, advise: () => Promise<unknown>): Promise<void> {
    await (this.cgroups?.pageOut(id, advise) ?? advise());
  }

  close(): void {}
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
