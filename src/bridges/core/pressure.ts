/**
 * Watches how full Redis is: above the limit a bridge takes nothing more in, so that what was accepted can still be
 * answered (RELIABILITY §6). What isn't fetched waits at the platform.
 */
import type { Logger } from "../../lib/logging.ts";
import type { BridgePort } from "../../store/index.ts";

/** Share of maxmemory above which nothing is taken in, and below which it is again. */
export const FULL = 0.8;
const ROOM_AGAIN = 0.75;

/** What the watch needs. */
export interface PressureDeps {
  store: Pick<BridgePort, "memoryUse">;
  logger: Logger;
  /** Milliseconds between looks. */
  everyMs: number;
  /** Called when it is full. */
  onFull?(): void;
}

/** The last look's result. */
export class Pressure {
  private readonly deps: PressureDeps;
  private timer: NodeJS.Timeout | undefined;
  private full = false;

  constructor(deps: PressureDeps) {
    this.deps = deps;
  }

  /** Whether something more may be taken in. */
  get roomy(): boolean {
    return !this.full;
  }

  /** Looks once, then again and again. */
  async start(): Promise<void> {
    await this.look();
    this.timer = setInterval(() => void this.look(), this.deps.everyMs);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    // Redis away: storing fails by itself then.
    const use = await this.deps.store.memoryUse().catch(() => undefined);
    if (use === undefined) return;
    const full = use > (this.full ? ROOM_AGAIN : FULL);
    if (full === this.full) return;
    this.full = full;
    const percent = Math.round(use * 100);
    if (full) {
      this.deps.logger.error({ percent }, "Redis is nearly full: no new messages are taken in");
      this.deps.onFull?.();
    } else this.deps.logger.info({ percent }, "Redis has room again: messages are taken in");
  }
}
