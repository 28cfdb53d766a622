/**
 * A process's name in leases, and the proof that its bearer is dead: the same pid namespace, but no such process.
 * Silence proves nothing: a stopped process may go on one day.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { newId } from "../lib/ids.ts";

function namespaceInode(): string {
  return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
}

/** State letter and start time (field 22) of a process; undefined when there is none. */
function statOf(pid: number): { state: string; startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command in brackets may hold anything; fields count from behind its last bracket.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", startTime: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

/** `o_<random>.<host>.<pid namespace>.<pid>.<start time>`. */
export function ownerName(hostId: string): string {
  const stat = statOf(process.pid);
  return [newId("o"), hostId, namespaceInode(), process.pid, stat?.startTime ?? "0"].join(".");
}

/** True only when the bearer of `owner` certainly no longer runs. */
export function isDead(owner: string, hostId: string): boolean {
  const [, host, namespace, pid, startTime] = owner.split(".");
  if (host !== hostId || namespace !== namespaceInode() || !pid || !startTime) return false;
  const stat = statOf(Number(pid));
  return !stat || stat.startTime !== startTime || stat.state === "Z" || stat.state === "X";
}
