/**
 * What differs between the ways to make a sandbox: setting one up, ending it, measuring it. Everything else (records,
 * order, adoption, limits of the disk, who owns a connection) is `driver.ts` and the same for all.
 */
import type { SandboxInfo } from "../driver.ts";

/** Memory, processes and processor time of a running sandbox. */
export interface Usage {
  memoryBytes: number;
  swapBytes: number;
  pids: number;
  cpuMs: number;
}

/** How a life ends up in the record: pid and start time on this host, 0 while they aren't known yet. */
export type RecordLife = (pid: number, startTime: number) => void;

/** What is run as PID 1 instead of the guest, by the self-test only. */
export interface OtherProgram {
  program: readonly string[];
  /** Seconds to wait for a home that somebody still holds. */
  lockWaitSeconds: number;
}

/** One way to cage a program. Every process of a sandbox is visible in this host's /proc. */
export interface Cage {
  readonly kind: "process" | "docker";
  /** Namespaces that a sandbox doesn't share with its host. */
  readonly namespaces: readonly string[];
  /** What enforces the caps on memory and processes, or why nothing does. */
  readonly caps: { kind: string } | { missing: string };
  /** A control group pages a sandbox out without advice about its processes. */
  readonly pagesOutAlone: boolean;

  /**
   * Finds what runs of these recorded lives, with pid and start time, and clears away what is ours and unrecorded.
   * Called once, before anything else.
   */
  adopt(records: readonly SandboxInfo[]): Promise<Map<string, { pid: number; startTime: number }>>;
  /**
   * Sets the sandbox of `info` (its bootId is new) up under its limits, records it, and lets it go: whatever dies in
   * between, nothing runs that is unlimited or unrecorded. `ended` resolves when it ends, for as long as we live.
   */
  start(info: SandboxInfo, record: RecordLife, instead?: OtherProgram): Promise<{ ended: Promise<void> }>;
  /** Kills every process; resolves when all are gone. */
  kill(info: SandboxInfo): Promise<void>;
  /** Removes what a life that has ended leaves behind. Never throws. */
  clean(info: SandboxInfo): Promise<void>;
  /** Processes of this sandbox that the kernel killed for want of memory. Counts up, perhaps from 0 at each start. */
  oomKills(info: SandboxInfo): number;
  /** Undefined when nothing but the process tree tells. */
  usage(info: SandboxInfo): Promise<Usage | undefined>;
  /** All processes, the cage's own too; undefined where only the tree below PID 1 tells. */
  processes(info: SandboxInfo): number[] | undefined;
  /** Lets the sandbox use swap, waits for `advise` to mark its pages, and has the kernel drop what it can. */
  pageOut(info: SandboxInfo, advise: () => Promise<unknown>): Promise<void>;
  close(): void;
}

/** Use of a sandbox that doesn't run. */
export const NOTHING: Usage = { memoryBytes: 0, swapBytes: 0, pids: 0, cpuMs: 0 };
