/** Which process listens on a TCP port of this machine, read from /proc; as root for all, else for one's own. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Opener } from "./locks.ts";

/** State LISTEN in /proc/net/tcp. */
const LISTEN = "0A";

/** Undefined when nobody does or we may not look. */
export function listenerOf(port: number): Opener | undefined {
  const inodes = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => inodesOf(table, port)));
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const holds = readdirSync(`/proc/${pid}/fd`).some((fd) =>
        inodes.has(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? ""),
      );
      if (!holds) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 60);
      return { pid: Number(pid), command };
    } catch {
      // Another user's, or it ended meanwhile.
    }
  }
  return undefined;
}

function inodesOf(table: string, port: number): string[] {
  try {
    return readFileSync(table, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(
        ([, local = "", , state]) =>
          state === LISTEN && Number.parseInt(local.split(":")[1] ?? "", 16) === port,
      )
      .map((fields) => fields[9] ?? "");
  } catch {
    return [];
  }
}
