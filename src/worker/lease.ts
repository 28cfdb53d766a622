/**
 * A lease as its holder sees it: by the monotonic clock of this process, and shorter than the store's (RELIABILITY §2).
 * A process that was stopped for a while finds its lease lost at its first look, before any timer or answer.
 */

/** A lease that was last granted or renewed at some moment. */
export class Lease {
  readonly #stopMs: number;
  #since: number;

  /** `stopMs`: 2/3 of what the store granted. `askedAt`: when the grant was asked for, not when it came. */
  constructor(stopMs: number, askedAt: number) {
    this.#stopMs = stopMs;
    this.#since = askedAt;
  }

  /** A renewal that was asked for at `askedAt` succeeded. */
  renewed(askedAt: number): void {
    // One that comes back after the lease was given up does not bring it back.
    if (this.held()) this.#since = Math.max(this.#since, askedAt);
  }

  held(): boolean {
    return this.leftMs() > 0;
  }

  leftMs(): number {
    return this.#since + this.#stopMs - performance.now();
  }
}
