/**
 * Signals that end what a single grant opened: when its turn is over, at the latest after ten minutes. One look at the
 * turns per second and principal, and only while something hangs on it.
 */
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { TurnsPort } from "../ports.ts";

interface Watched {
  readonly principal: string;
  readonly turnId: string;
  readonly controller: AbortController;
  readonly until: number;
}

/** Watches the ends of turns. */
export class TurnEnds {
  readonly #turns: TurnsPort;
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(turns: TurnsPort) {
    this.#turns = turns;
  }

  /** Aborts when that turn ends. */
  signal(principal: string, turnId: string): AbortSignal {
    const key = `${principal}/${turnId}`;
    const known = this.#watched.get(key);
    if (known) return known.controller.signal;
    const controller = new AbortController();
    const until = performance.now() + TIMEOUTS.onceTunnel;
    this.#watched.set(key, { principal, turnId, controller, until });
    this.#timer ??= setInterval(() => void this.#look(), TIMEOUTS.sweep);
    return controller.signal;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { controller } of this.#watched.values()) controller.abort();
    this.#watched.clear();
  }

  async #look(): Promise<void> {
    const now = performance.now();
    for (const principal of new Set([...this.#watched.values()].map((one) => one.principal))) {
      // Redis away: nothing is known, and the ten minutes hold.
      const current = await this.#turns.current(principal).catch(() => undefined);
      for (const [key, one] of this.#watched) {
        if (one.principal !== principal) continue;
        const over = current !== undefined && !current.some(({ turnId }) => turnId === one.turnId);
        if (!over && now < one.until) continue;
        this.#watched.delete(key);
        one.controller.abort();
      }
    }
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
