/**
 * Which process is the one active bridge: a lease in Redis, renewed by a timer, judged by this process's own clock.
 * `held` turns false at 2/3 of the lease's life without a renewal, before anybody else can take it (RELIABILITY §7).
 */
import type { Logger } from "../../lib/logging.ts";
import type { BridgePort } from "../../store/index.ts";

/** What a lease needs. */
export interface LeaseDeps {
  store: BridgePort;
  owner: string;
  ttlMs: number;
  logger: Logger;
  /** Whether a holder certainly no longer runs (lib/owner.ts): its lease needn't be waited for. Default: never known. */
  isDead?(owner: string): boolean;
  /** Called on each change. */
  onChange?(held: boolean): void;
}

/** The holder (or not) of a bridge's lease. */
export class BridgeLease {
  private readonly deps: LeaseDeps;
  private timer: NodeJS.Timeout | undefined;
  private guard: NodeJS.Timeout | undefined;
  private heldUntil = 0;
  private last = false;
  private pausedUntil = 0;
  private closed = false;

  constructor(deps: LeaseDeps) {
    this.deps = deps;
  }

  /** Whether this process may act as the bridge now. */
  get held(): boolean {
    return performance.now() < this.heldUntil;
  }

  /** Starts to take and renew; resolves after the first answer of the store, whichever it is. */
  async start(): Promise<void> {
    await this.renew();
    const loop = async () => {
      await this.renew();
      if (!this.closed) this.timer = setTimeout(loop, this.deps.ttlMs / 3);
    };
    this.timer = setTimeout(loop, this.deps.ttlMs / 3);
  }

  /** The platform says that another process acts: let go, and don't take it again for a while. */
  async yieldFor(ms: number): Promise<void> {
    this.pausedUntil = performance.now() + ms;
    this.heldUntil = 0;
    this.report();
    await this.deps.store.releasePoller(this.deps.owner).catch(() => {});
  }

  /** Lets go, so that a successor needn't wait. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.guard);
    const held = this.held;
    this.heldUntil = 0;
    if (held) await this.deps.store.releasePoller(this.deps.owner).catch(() => {});
  }

  /** Asks the store now: true when the lease was taken or renewed. */
  async renew(): Promise<boolean> {
    if (this.closed || performance.now() < this.pausedUntil) return false;
    const asked = performance.now();
    try {
      const { store, owner, ttlMs, isDead } = this.deps;
      let holder = await store.holdPoller(owner, ttlMs);
      if (holder !== owner && isDead?.(holder)) holder = await store.holdPoller(owner, ttlMs, holder);
      this.heldUntil = holder === owner && !this.closed ? asked + (this.deps.ttlMs * 2) / 3 : 0;
    } catch (err) {
      this.deps.logger.warn({ err }, "lease not renewed");
    }
    this.report();
    return this.held;
  }

  private report(): void {
    clearTimeout(this.guard);
    // The lease also ends by silence: say so when it does.
    if (this.held) this.guard = setTimeout(() => this.report(), this.heldUntil - performance.now() + 1);
    if (this.held === this.last) return;
    this.last = this.held;
    this.deps.logger.info({ held: this.last }, this.last ? "bridge lease taken" : "bridge lease not held");
    this.deps.onChange?.(this.last);
  }
}
