/**
 * Telegram's flood limits: about 30 messages/s overall, 1/s per chat with short bursts, 20/min per group.
 * Sends and edits count; exceeding answers 429 with whole seconds to wait, and waiting that long is enough.
 */
import { tooMany } from "./errors.ts";

/** Numbers, for tests that want other ones. */
export interface LimitOptions {
  overallPerSecond: number;
  chatPerSecond: number;
  /** Messages that a chat takes at once before its rate counts. */
  chatBurst: number;
  groupPerMinute: number;
  now(): number;
}

/** What is publicly known of the real ones; the burst is our reading of "short bursts are allowed". */
export const REAL_LIMITS: LimitOptions = {
  overallPerSecond: 30,
  chatPerSecond: 1,
  chatBurst: 12,
  groupPerMinute: 20,
  now: () => Date.now(),
};

interface Bucket {
  tokens: number;
  at: number;
}

/** Counts messages and refuses. */
export class FloodLimits {
  private readonly options: LimitOptions;
  private readonly buckets = new Map<string, Bucket>();

  constructor(options: LimitOptions) {
    this.options = options;
  }

  /** Counts one message to a chat, or throws 429. Nothing is counted when it is refused. */
  take(chatId: number, isGroup: boolean): void {
    const { overallPerSecond, chatPerSecond, chatBurst, groupPerMinute } = this.options;
    const wanted: [string, number, number][] = [
      ["all", overallPerSecond, overallPerSecond],
      [`chat:${chatId}`, chatPerSecond, chatBurst],
      ...(isGroup
        ? ([[`group:${chatId}`, groupPerMinute / 60, groupPerMinute]] as [string, number, number][])
        : []),
    ];
    const waits = wanted.map(([key, rate, size]) => this.wait(key, rate, size));
    const longest = Math.max(...waits);
    if (longest > 0) throw tooMany(Math.max(1, Math.ceil(longest / 1000)));
    for (const [key] of wanted) this.buckets.get(key)!.tokens -= 1;
  }

  /** Milliseconds until the bucket has a token. */
  private wait(key: string, ratePerSecond: number, size: number): number {
    const now = this.options.now();
    const bucket = this.buckets.get(key) ?? { tokens: size, at: now };
    bucket.tokens = Math.min(size, bucket.tokens + ((now - bucket.at) / 1000) * ratePerSecond);
    bucket.at = now;
    this.buckets.set(key, bucket);
    return bucket.tokens >= 1 ? 0 : ((1 - bucket.tokens) / ratePerSecond) * 1000;
  }
}
