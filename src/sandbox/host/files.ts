/**
 * Small pieces of file work that drivers share: atomic writes, directories with an exact mode and owner,
 * locks, and whether another uid can reach a path. Only ever in directories that the host owns.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { Fault } from "../../lib/errors.ts";

/** Whether this process may give files and processes to other uids. */
export const isRoot: boolean = process.getuid?.() === 0;

/** Writes a file so that readers see the old or the new one, and a crash loses neither. */
export function writeAtomic(path: string, text: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.tmp`;
  const fd = openSync(temporary, "w", mode);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  chmodSync(temporary, mode);
  renameSync(temporary, path);
}

/** Makes a directory (parents too) and gives it this mode; as root also this owner. Its parent must be ours. */
export function makeDirectory(path: string, mode: number, owner?: number): void {
  mkdirSync(path, { recursive: true });
  if (!lstatSync(path).isDirectory())
    throw new Fault({ code: "sandbox-link", message: `${path} must be a directory, not a link` });
  chmodSync(path, mode);
  if (isRoot && owner !== undefined) lchownSync(path, owner, owner);
}

/**
 * Takes an exclusive lock (flock) on a file, or returns undefined when somebody holds it. The lock lives as long as any
 * process has the returned descriptor open, so a child that inherits it keeps it when we die.
 */
export function tryLock(path: string, waitSeconds = 0): number | undefined {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  // Node has no flock(2). flock(1) locks the open file that it inherits, which is ours.
  const how = waitSeconds > 0 ? ["-w", String(waitSeconds)] : ["-n"];
  const done = spawnSync("/usr/bin/flock", [...how, "3"], {
    stdio: ["ignore", "ignore", "ignore", fd],
    env: {},
  });
  if (done.status === 0) return fd;
  closeSync(fd);
  if (done.error) throw done.error;
  return undefined;
}

/** The first directory on the way to `path` that other uids may not pass, or undefined. */
export function blockedAt(path: string): string | undefined {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return at;
    if (at === dirname(at)) return undefined;
  }
}
