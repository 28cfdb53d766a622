/**
 * Bytes and inodes of homes, measured every few seconds, since most hosts have no quota per user.
 * A sandbox over its limit is stopped; its files stay.
 */
import type { Logger } from "../../lib/logging.ts";
import type { SandboxId, SandboxInfo } from "../driver.ts";
import type { DiskUse, Homes } from "./homes.ts";

/** What is taken for the size of a home that can't be counted in time, twice in a row. */
const UNCOUNTABLE: DiskUse = { diskBytes: Number.MAX_SAFE_INTEGER, inodes: Number.MAX_SAFE_INTEGER };

/** Homes that are measured at once. */
const AT_ONCE = 4;

/** Last measurements of all homes, and the limit's enforcement. */
export class DiskLimit {
  private readonly homes: Homes;
  private readonly logger: Logger;
  private readonly last = new Map<SandboxId, DiskUse>();
  private readonly failures = new Map<SandboxId, number>();
  private busy = false;

  constructor(homes: Homes, logger: Logger) {
    this.homes = homes;
    this.logger = logger;
  }

  /** As measured last; measures a home that never was, or that isn't running (and so not watched). */
  async use(info: SandboxInfo): Promise<DiskUse> {
    const known = info.state === "running" ? this.last.get(info.id) : undefined;
    return known ?? (await this.measure(info));
  }

  forget(id: SandboxId): void {
    this.last.delete(id);
    this.failures.delete(id);
  }

  /**
   * Measures these homes, a few at a time so that one that takes long doesn't keep the others from their limit, and stops
   * those over it. Does nothing while still at it.
   */
  async enforce(running: readonly SandboxInfo[], stop: (id: SandboxId) => Promise<unknown>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const waiting = [...running];
    const work = async () => {
      for (let info = waiting.shift(); info; info = waiting.shift()) await this.enforceOne(info, stop);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    this.busy = false;
  }

  private async enforceOne(info: SandboxInfo, stop: (id: SandboxId) => Promise<unknown>): Promise<void> {
    try {
      this.homes.trimLog(info);
      const { diskBytes, inodes } = await this.measure(info);
      if (diskBytes <= info.limits.diskBytes && inodes <= info.limits.inodes) return;
      this.logger.warn({ sandboxId: info.id, diskBytes, inodes }, "disk limit reached");
      await stop(info.id);
    } catch (error) {
      this.logger.error({ sandboxId: info.id, err: error }, "disk limit could not be enforced");
    }
  }

  private async measure(info: SandboxInfo): Promise<DiskUse> {
    let use: DiskUse;
    try {
      use = await this.homes.measure(info);
      this.failures.delete(info.id);
    } catch (error) {
      const failures = (this.failures.get(info.id) ?? 0) + 1;
      this.failures.set(info.id, failures);
      if (failures < 2) throw error;
      use = UNCOUNTABLE;
    }
    this.last.set(info.id, use);
    return use;
  }
}
