/**
 * Keeps one turn's lease: renews it each second, learns of a cancel that way, and tells when it is lost by this
 * process's own clock. Decides nothing about the turn.
 */
import { describeError } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { TurnPort, TurnRecord } from "../store/index.ts";
import { Lease } from "./lease.ts";

/** What its turn hears. */
export interface LeaseEvents {
  /** Once: stop acting. */
  lost(): void;
  /** The user wants no more of it; may come more than once. */
  cancel(): void;
  /** Messages wait that may join the turn; comes again until they have. */
  joinable(): void;
}

/** See the module's header. */
export class TurnLease {
  readonly #turns: TurnPort;
  readonly #turn: TurnRecord;
  readonly #log: Logger;
  readonly #events: LeaseEvents;
  readonly #lease: Lease;
  #renewal: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;
  #renewing = false;
  #closed = false;

  /** `askedAt`: when the claim was sent (monotonic). */
  constructor(turns: TurnPort, turn: TurnRecord, askedAt: number, log: Logger, events: LeaseEvents) {
    this.#turns = turns;
    this.#turn = turn;
    this.#log = log;
    this.#events = events;
    this.#lease = new Lease(TIMEOUTS.leaseStop, askedAt);
    this.#renewal = setInterval(() => void this.renew(), TIMEOUTS.leaseRenew);
    this.#watch();
  }

  /** The first question of everything that acts. After a pause of this process it is answered before any timer runs. */
  held(): boolean {
    if (this.#closed) return false;
    if (this.#lease.held()) return true;
    this.#lost();
    return false;
  }

  /** Renews now; also called on a hint, since a renewal brings news of a cancel. */
  async renew(): Promise<void> {
    if (this.#renewing || !this.held()) return;
    this.#renewing = true;
    const askedAt = performance.now();
    try {
      const answer = await this.#turns.renew(this.#turn);
      if (this.#closed) return;
      if (answer.kind === "lost") {
        this.#lost();
        return;
      }
      this.#lease.renewed(askedAt);
      this.#watch();
      if (answer.cancel && this.held()) this.#events.cancel();
      if (answer.joinable && this.held()) this.#events.joinable();
    } catch (error) {
      this.#log.debug({ reason: describeError(error) }, "lease was not renewed");
    } finally {
      this.#renewing = false;
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#renewal);
    clearTimeout(this.#end);
  }

  #watch(): void {
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.held(), Math.max(0, this.#lease.leftMs()) + 1);
  }

  #lost(): void {
    this.close();
    this.#events.lost();
  }
}
