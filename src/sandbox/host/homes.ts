/**
 * A principal's places on disk (home, lock, configuration, socket directories) and host uid: made, measured, removed.
 * Must never follow a name inside a home or in a directory of gateway or worker: those are written by others.
 */
import { readdirSync, rmdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import type { SandboxInfo } from "../driver.ts";
import { isRoot, makeDirectory } from "./files.ts";
import { UID_BASE, uidOf } from "./uids.ts";

/** Bytes of a sandbox's log file at which it is emptied. */
const LOG_BYTES = 1 << 20;
/** Passable for other uids only where there are other uids. */
const PASSABLE = isRoot ? 0o711 : 0o700;

/** Use of a home. */
export interface DiskUse {
  diskBytes: number;
  inodes: number;
}

/**
 * Work on a home that must see hidden files and reach nothing else: done by a helper that has only that home mounted,
 * with the principal's uid or no more rights than reading directories takes.
 */
export interface HomeWork {
  measure(home: string, uid: number): Promise<DiskUse>;
  /** Removes everything in the home; the directory itself stays. */
  empty(home: string, uid: number): Promise<void>;
}

/** What {@link Homes} needs to know. */
export interface HomesOptions {
  paths: Paths;
  logger: Logger;
  work: HomeWork;
  owners: { gateway: number; worker: number } | undefined;
  uidBase: number | undefined;
}

/** All homes of this host. */
export class Homes {
  private readonly options: HomesOptions;

  constructor(options: HomesOptions) {
    this.options = options;
    const { paths } = options;
    makeDirectory(paths.logs, 0o700); // Opened by us, for the guest.
    const shared = [paths.home, dirname(paths.user("x").dir), join(paths.home, "run")];
    // Root's own: in a directory of gateway or worker a name could become a link while we work on it.
    for (const dir of [...shared, dirname(paths.egressDir("x")), dirname(paths.controlDir("x"))]) {
      makeDirectory(dir, PASSABLE, 0);
    }
  }

  /** Makes what is missing of these sandboxes, and removes the empty socket directories of those that are gone. */
  restore(infos: readonly SandboxInfo[]): void {
    const { paths, logger } = this.options;
    for (const info of infos) {
      try {
        this.prepare(info);
      } catch (error) {
        logger.error({ sandboxId: info.id, err: error }, "directories of a sandbox can't be made");
      }
    }
    const known = new Set(infos.map(({ runName }) => runName));
    for (const parent of [dirname(paths.egressDir("x")), dirname(paths.controlDir("x"))])
      for (const name of readdirSync(parent).filter((each) => !known.has(each))) {
        try {
          rmdirSync(join(parent, name));
        } catch {
          // Not empty, or none: its owner's business.
        }
      }
  }

  /** The host uid of a principal: its own as root, else ours. */
  uid(principal: string): number {
    if (!isRoot) return process.getuid?.() ?? 0;
    return uidOf(this.options.paths.uids, principal, this.options.uidBase ?? UID_BASE);
  }

  /** Makes what is missing, with its exact mode and owner. */
  prepare(info: SandboxInfo): void {
    const { paths, owners } = this.options;
    const user = paths.user(info.id);
    makeDirectory(user.dir, PASSABLE);
    makeDirectory(user.home, 0o700, info.uid);
    makeDirectory(paths.egressDir(info.runName), PASSABLE, owners?.gateway);
    makeDirectory(paths.controlDir(info.runName), PASSABLE, owners?.worker);
  }

  /** Removes everything of a stopped sandbox. */
  async remove(info: SandboxInfo): Promise<void> {
    const { paths, work, logger } = this.options;
    const user = paths.user(info.id);
    await work.empty(user.home, info.uid);
    rmdirSync(user.home);
    rmSync(user.dir, { recursive: true, force: true });
    rmSync(logFile(paths, info.id), { force: true });
    for (const socket of [paths.egressSocket(info.runName), paths.controlSocket(info.runName)]) {
      try {
        rmSync(socket, { force: true }); // the one name that should be there
        rmdirSync(dirname(socket));
      } catch (error) {
        logger.warn({ sandboxId: info.id, err: error }, "a socket directory stays");
      }
    }
  }

  measure(info: SandboxInfo): Promise<DiskUse> {
    return this.options.work.measure(this.options.paths.user(info.id).home, info.uid);
  }

  /** Keeps the file that PID 1 prints to from growing without end. */
  trimLog(info: SandboxInfo): void {
    const log = logFile(this.options.paths, info.id);
    if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES) truncateSync(log, 0);
  }
}

/** File that PID 1's output goes to; emptied at each start. */
export function logFile(paths: Paths, id: string): string {
  return join(paths.logs, `sandbox-${id}.log`);
}
