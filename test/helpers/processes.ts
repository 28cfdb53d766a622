/** Processes of a sandbox, seen from the host: those that share the PID namespace of its PID 1. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process with its command line. */
export interface SeenProcess {
  pid: number;
  command: string;
}

/** All processes in the PID namespace of `pid` (host numbers), PID 1 first. */
export function processesOf(pid: number): SeenProcess[] {
  const namespace = readlinkSync(`/proc/${pid}/ns/pid`);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        if (readlinkSync(`/proc/${name}/ns/pid`) !== namespace) return [];
        return [
          { pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ") },
        ];
      } catch {
        return []; // It ended while we looked.
      }
    })
    .sort((a, b) => a.pid - b.pid);
}
