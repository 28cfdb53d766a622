/**
 * One supervisor per home, by flock (RELIABILITY §6). Node has no flock(2): flock(1) locks the open file that it
 * inherits from us, and the lock lives as long as we keep that file open. A killed supervisor leaves no stale lock.
 */
import { spawnSync } from "node:child_process";
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { Fault } from "../../lib/errors.ts";

/** What the lock file says about who holds it. For messages only: the lock itself is the truth. */
interface Holder {
  pid: number;
  startedAt: string;
}

/** A held lock. */
export interface HomeLock {
  release(): void;
}

/** Takes the home. @throws Fault `home-in-use` that says who holds it. */
export function lockHome(file: string): HomeLock {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  const { status, error } = spawnSync("flock", ["--nonblock", "--conflict-exit-code", "75", "3"], {
    stdio: ["ignore", "ignore", "ignore", fd],
    env: { PATH: "/usr/bin:/bin" },
  });
  if (status === 0) {
    const holder: Holder = { pid: process.pid, startedAt: new Date().toISOString() };
    ftruncateSync(fd);
    writeSync(fd, JSON.stringify(holder), 0);
    return { release: () => closeSync(fd) };
  }
  closeSync(fd);
  if (status !== 75) throw new Fault({ code: "home-lock", message: `can't lock ${file}`, cause: error });
  const holder = readHolder(file);
  throw new Fault({
    code: "home-in-use",
    message: `another nemoclaw already runs on this home${holder ? `: pid ${holder.pid}, since ${holder.startedAt}` : ""}`,
    hint: "nemoclaw status shows it, nemoclaw stop ends it; NEMOCLAW_HOME chooses another home",
  });
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}
