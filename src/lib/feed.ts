/**
 * What happened lately, for whoever looks: a bounded ring in memory that is read by number. Writing is one assignment and
 * never waits; who reads too slowly is told how much he missed. Nothing here is a record: it dies with its process.
 */
import { newId } from "./ids.ts";

/** A piece of a feed. */
export interface FeedPage<T> {
  /** This life of the feed: numbers of another one mean nothing. */
  readonly epoch: string;
  /** Number of the newest item; hand it over as `after` next time. */
  readonly seq: number;
  /** Items that were overwritten before they could be read. */
  readonly missed: number;
  /** Oldest first. */
  readonly items: readonly T[];
}

/** Where a reader stands. Another epoch than the feed's, or none: from the oldest that is kept. */
export interface FeedPlace {
  readonly epoch?: string | undefined;
  readonly after?: number | undefined;
}

/** Readers that may wait at once; one more is answered at once. */
const MAX_WAITING = 64;

/** See the module's header. */
export class Feed<T> {
  readonly epoch = newId("f");
  readonly #ring: T[] = [];
  readonly #size: number;
  readonly #waiting = new Set<() => void>();
  #seq = 0;

  /** `size`: how many items are kept. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Adds the newest item. */
  push(item: T): void {
    this.#ring[this.#seq % this.#size] = item;
    this.#seq += 1;
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** What came after a place, at most `limit` items; the newest ones when there are more. */
  read({ epoch, after = 0 }: FeedPlace, limit: number): FeedPage<T> {
    const known = epoch === this.epoch && after <= this.#seq;
    const from = known ? after : Math.max(0, this.#seq - this.#size);
    const first = Math.max(from, this.#seq - Math.min(limit, this.#size));
    const items: T[] = [];
    for (let at = first; at < this.#seq; at++) items.push(this.#ring[at % this.#size] as T);
    return { epoch: this.epoch, seq: this.#seq, missed: known ? first - from : 0, items };
  }

  /** The same, but waits up to `ms` for the first new item. */
  async next(place: FeedPlace, limit: number, ms: number): Promise<FeedPage<T>> {
    const nothing = place.epoch === this.epoch && place.after === this.#seq;
    if (nothing && ms > 0 && this.#waiting.size < MAX_WAITING) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        this.#waiting.add(wake);
      });
    }
    return this.read(place, limit);
  }

  /** Sends waiting readers away. */
  close(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
