/**
 * What a control group can do, whichever kind it is, and how its files are read and written.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Limits } from "../driver.ts";

/** Measured use of one group. */
export interface CgroupUsage {
  memoryBytes: number;
  swapBytes: number;
  pids: number;
  cpuMs: number;
}

/** One kind of control groups. `name` is the sandbox's id. Errors are the kernel's own. */
export interface Cgroups {
  readonly kind: "cgroup v1" | "cgroup v2";
  /** Controllers that can be used. */
  readonly controllers: ReadonlySet<"memory" | "pids" | "cpu">;
  /** Makes the group (an old empty one is replaced, so that counters start at 0) and sets its limits. */
  create(name: string, limits: Limits): void;
  add(name: string, pid: number): void;
  /** Processes in the group, the sandbox's monitor included; undefined when the group can't be read. */
  processes(name: string): number[] | undefined;
  usage(name: string): CgroupUsage | undefined;
  /** Processes of this group that the kernel killed for want of memory. */
  oomKills(name: string): number;
  /** Removes the group; false while processes are left in it. */
  remove(name: string): boolean;
  /** Whether `pageOut` does all the work itself, without advice about single processes. */
  readonly pagesOutAlone: boolean;
  /** Lets the group use swap, waits for `advise` to mark its pages, and has the kernel drop what it can. */
  pageOut(name: string, advise: () => Promise<unknown>): Promise<void>;
}

/** Number in a file of a group; `max` is Infinity; 0 when it can't be read. */
export function readNumber(file: string): number {
  try {
    const text = readFileSync(file, "utf8").trim();
    return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
  } catch {
    return 0;
  }
}

/** Value of `key` in a flat-keyed file such as memory.stat; 0 when absent. */
export function readKey(file: string, key: string): number {
  try {
    return Number(new RegExp(`^${key} (\\d+)$`, "m").exec(readFileSync(file, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Pids in a group's directory; undefined when it can't be read. */
export function readProcesses(dir: string): number[] | undefined {
  try {
    return readFileSync(join(dir, "cgroup.procs"), "latin1").split("\n").map(Number).filter(Boolean);
  } catch {
    return undefined;
  }
}

/** Writes a setting of a group. */
export function setting(dir: string, file: string, value: string | number): void {
  writeFileSync(join(dir, file), String(value));
}

/** A new, empty group directory. */
export function freshGroup(dir: string): void {
  removeGroup(dir);
  mkdirSync(dir, { recursive: true });
}

/** Removes a group's directory; false while it is in use. */
export function removeGroup(dir: string): boolean {
  try {
    rmdirSync(dir);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
  return true;
}

/** Tells the kernel to reclaim. It stops with an error when less could be dropped than asked for: the normal end. */
export async function reclaim(file: string, bytes: number): Promise<void> {
  try {
    await writeFile(file, String(bytes)); // takes up to seconds: not on this thread
  } catch (error) {
    if (!["EAGAIN", "EBUSY", "EINTR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
