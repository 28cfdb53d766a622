/**
 * A token bucket over a monotonic clock that is handed in. Pure arithmetic: sets no timer, knows no socket.
 */

/** Rate and burst of one kind of thing. */
export interface BucketLimits {
  /** Tokens that flow in per second. */
  perSecond: number;
  /** Tokens that may be saved up. */
  burst: number;
}

/** Starts full. A cost above `burst` is granted when the bucket is full, and leaves it in debt. */
export class TokenBucket {
  readonly #limits: BucketLimits;
  #tokens: number;
  #at: number;

  constructor(limits: BucketLimits, nowMs: number) {
    this.#limits = limits;
    this.#tokens = limits.burst;
    this.#at = nowMs;
  }

  /** Milliseconds until `cost` may be taken; 0 = now. */
  waitFor(cost: number, nowMs: number): number {
    const { perSecond, burst } = this.#limits;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#at) * perSecond) / 1_000);
    this.#at = nowMs;
    const missing = Math.min(cost, burst) - this.#tokens;
    return missing <= 0 ? 0 : Math.ceil((missing * 1_000) / perSecond);
  }

  take(cost: number): void {
    this.#tokens -= cost;
  }
}
