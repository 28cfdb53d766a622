/**
 * Reading /proc: is a process still the one that we started, what runs below it.
 * A pid alone names nothing: every use goes with its start time.
 */
import { readdirSync, readFileSync } from "node:fs";

interface Stat {
  ppid: number;
  state: string;
  startTime: number;
}

/** /proc/pid/stat; undefined when there is no such process. */
function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name may hold blanks and brackets: fields count from the last one. Field 3 is the state, 22 the start.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", ppid: Number(fields[1]), startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** Start time in ticks since boot; undefined when the process is gone, a zombie included. */
export function startTimeOf(pid: number): number | undefined {
  const found = pid > 0 ? stat(pid) : undefined;
  return found && found.state !== "Z" && found.state !== "X" ? found.startTime : undefined;
}

/** Whether `pid` is still the process that began at `startTime`. */
export function isAlive(pid: number, startTime: number): boolean {
  return pid > 0 && startTimeOf(pid) === startTime;
}

/** Who started it; undefined when the process is gone. */
export function parentOf(pid: number): number | undefined {
  return stat(pid)?.ppid;
}

/**
 * A sandbox's processes: PID 1 first, then everything below it. Orphans inside a PID namespace become children of
 * its PID 1, so the tree is complete.
 */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const found = stat(pid);
    if (!found || found.state === "Z") continue;
    const siblings = children.get(found.ppid);
    if (siblings) siblings.push(pid);
    else children.set(found.ppid, [pid]);
  }
  const tree = [root];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i] ?? 0) ?? []));
  return tree;
}

/**
 * The guest: the first child of PID 1, whatever its number (a container's run-time uses up a few). Orphans become children
 * of PID 1 too, but began later. Undefined when there is none.
 */
export function guestOf(init: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${init}/task/${init}/children`, "latin1"); // in the order in which they came
    const first = Number(/^\d+/.exec(children)?.[0]);
    return first || undefined;
  } catch {
    return firstChild(init);
  }
}

/** The same where the kernel doesn't list children (CONFIG_PROC_CHILDREN). */
function firstChild(init: number): number | undefined {
  let first: { pid: number; startTime: number } | undefined;
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const found = Number.isInteger(pid) ? stat(pid) : undefined;
    if (found?.ppid !== init || found.state === "Z") continue;
    const { startTime } = found;
    if (!first || startTime < first.startTime || (startTime === first.startTime && pid < first.pid))
      first = { pid, startTime };
  }
  return first?.pid;
}

/** One-letter state (`R`, `S`, `T`…), empty when gone. */
export function processState(pid: number): string {
  return stat(pid)?.state ?? "";
}

const PAGE = 4096;
/** Clock ticks a second (USER_HZ), the same on every Linux. */
const TICK_MS = 10;

/** Use of memory and processor of a process and everything below it, where no control group counts for us. */
export function treeUsage(root: number): {
  memoryBytes: number;
  swapBytes: number;
  pids: number;
  cpuMs: number;
} {
  const sum = { memoryBytes: 0, swapBytes: 0, pids: 0, cpuMs: 0 };
  for (const pid of processTree(root)) {
    try {
      const memory = readFileSync(`/proc/${pid}/statm`, "latin1").split(" ");
      const status = readFileSync(`/proc/${pid}/status`, "latin1");
      const times = readFileSync(`/proc/${pid}/stat`, "latin1");
      const fields = times.slice(times.lastIndexOf(")") + 2).split(" ");
      sum.memoryBytes += (Number(memory[1]) - Number(memory[2])) * PAGE; // resident, not shared
      sum.swapBytes += Number(/^VmSwap:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
      sum.cpuMs += (Number(fields[11]) + Number(fields[12])) * TICK_MS;
      sum.pids += 1;
    } catch {
      // gone meanwhile
    }
  }
  return sum;
}
