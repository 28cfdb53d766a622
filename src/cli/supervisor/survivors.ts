/**
 * Processes of a supervisor that was killed. They end by themselves when their channel closes; the next supervisor waits
 * for that, so that two launchers never share sockets. Redis and the sandboxes are not among them: those are adopted.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

/** A process that is certainly the one that was recorded: a pid alone may have been given out again. */
const Recorded = z.array(
  z.object({ name: z.string(), pid: z.number().int().positive(), startTime: z.string() }),
);
type Recorded = z.infer<typeof Recorded>;

/** Start time of a process in clock ticks since boot (/proc/PID/stat, field 22), undefined when there is none. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Records the children of now. */
export function recordChildren(file: string, children: { name: string; pid: number }[]): void {
  const records: Recorded = children.flatMap(({ name, pid }) => {
    const startTime = pid > 0 ? startTimeOf(pid) : undefined;
    return startTime ? [{ name, pid, startTime }] : [];
  });
  writeFileSync(`${file}.new`, JSON.stringify(records), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Waits until the recorded processes are gone; those that are still there after `limitMs` are killed. */
export async function outlastChildren(file: string, limitMs: number): Promise<string[]> {
  let records: Recorded;
  try {
    records = Recorded.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return []; // The first start, or a file that a crash cut short: then nothing is known of any survivor.
  }
  const alive = () => records.filter(({ pid, startTime }) => startTimeOf(pid) === startTime);
  const deadline = performance.now() + limitMs;
  while (alive().length > 0 && performance.now() < deadline) await delay(20);
  const stuck = alive();
  for (const { pid } of stuck) process.kill(pid, "SIGKILL");
  return stuck.map(({ name }) => name);
}
