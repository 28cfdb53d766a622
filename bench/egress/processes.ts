/**
 * CPU time and memory of a foreign process with all its children, dead ones included, as the kernel accounts them.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time for others in hundredths of a second (USER_HZ), on every architecture that Node runs on. */
const TICK_MS = 10;

interface Stat {
  pid: number;
  parent: number;
  ticks: number;
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program's name may hold spaces and brackets; the fields begin after the last bracket (proc(5)).
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return {
      pid,
      parent: Number(fields[1]),
      ticks: [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0),
    };
  } catch {
    return undefined;
  }
}

/** A process and its living descendants. */
function treeOf(root: number): Stat[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? []);
  const found = all.filter(({ pid }) => pid === root);
  for (const one of found) found.push(...all.filter(({ parent }) => parent === one.pid));
  return found;
}

/** User and system milliseconds so far. */
export function treeCpuMs(root: number): number {
  return treeOf(root).reduce((sum, { ticks }) => sum + ticks * TICK_MS, 0);
}

/** Proportional megabytes: pages shared with others count by their share. */
export function treePssMB(root: number): number {
  const kB = treeOf(root).map(({ pid }) =>
    Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0),
  );
  return kB.reduce((sum, one) => sum + one, 0) / 1_024;
}
