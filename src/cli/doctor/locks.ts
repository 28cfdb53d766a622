/**
 * Who holds which lock of the home. Locks are flocks (RELIABILITY §6): a file that lies around is no lock, and a lock
 * whose holder serves nobody is a process that must end. Takes a lock for an instant to see whether it is free.
 */
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process that has a file open. */
export interface Opener {
  readonly pid: number;
  /** Its command line, shortened. */
  readonly command: string;
}

/** Whether somebody holds this file's flock; a file that isn't there is free. */
export function isLocked(file: string): boolean {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return false;
  }
  try {
    const { status } = spawnSync("flock", ["--nonblock", "--conflict-exit-code", "75", "3"], {
      stdio: ["ignore", "ignore", "ignore", fd],
    });
    return status === 75;
  } finally {
    closeSync(fd);
  }
}

/** Processes that have this file open, as far as we may look. */
export function openersOf(file: string): Opener[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => opens(pid, file))
    .map((pid) => ({ pid: Number(pid), command: commandOf(pid) }));
}

function opens(pid: string, file: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === file;
      } catch {
        return false; // Closed meanwhile.
      }
    });
  } catch {
    return false; // Ended meanwhile, or another user's.
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 60);
  } catch {
    return "?";
  }
}
