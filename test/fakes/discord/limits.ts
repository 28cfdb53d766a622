/**
 * Rate limits with Discord's headers: one bucket per route and major parameter, and one for all requests of the bot.
 * Interaction callbacks and their webhooks don't count against the global one (Discord, "Rate Limits").
 */
import { tooMany } from "./errors.ts";

/** Requests in a window. */
export interface Window {
  requests: number;
  ms: number;
}

/** Numbers of the limits. */
export interface LimitOptions {
  global: Window;
  /** By route; a route that isn't named has `other`. */
  routes: Record<string, Window>;
  other: Window;
}

/** What Discord is seen to do; it publishes the headers, not the numbers. */
export const REAL_LIMITS: LimitOptions = {
  global: { requests: 50, ms: 1_000 },
  routes: {
    createMessage: { requests: 5, ms: 5_000 },
    editMessage: { requests: 5, ms: 5_000 },
    deleteMessage: { requests: 5, ms: 1_000 },
    typing: { requests: 5, ms: 5_000 },
    getMessages: { requests: 5, ms: 5_000 },
    putCommands: { requests: 2, ms: 20_000 },
    followUp: { requests: 5, ms: 2_000 },
    editOriginal: { requests: 5, ms: 2_000 },
  },
  other: { requests: 10, ms: 1_000 },
};

const EXEMPT = new Set(["interactionCallback", "editOriginal", "deleteOriginal", "followUp", "getOriginal"]);

interface Bucket {
  left: number;
  resetAt: number;
}

/** The limits of one bot. */
export class Limits {
  private readonly options: LimitOptions | undefined;
  private readonly buckets = new Map<string, Bucket>();
  private global: Bucket = { left: 0, resetAt: 0 };

  /** Without options nothing is limited. */
  constructor(options: LimitOptions | undefined) {
    this.options = options;
  }

  /** Counts a request and returns its headers. @throws ApiError 429 */
  take(route: string, major: string): Record<string, string> {
    if (!this.options) return {};
    const now = Date.now();
    if (!EXEMPT.has(route)) {
      if (now >= this.global.resetAt)
        this.global = { left: this.options.global.requests, resetAt: now + this.options.global.ms };
      if (this.global.left <= 0) throw tooMany((this.global.resetAt - now) / 1_000, true, "global");
      this.global.left -= 1;
    }
    const window = this.options.routes[route] ?? this.options.other;
    const key = `${route}:${major}`;
    let bucket = this.buckets.get(key);
    if (!bucket || now >= bucket.resetAt) {
      bucket = { left: window.requests, resetAt: now + window.ms };
      this.buckets.set(key, bucket);
    }
    const after = (bucket.resetAt - now) / 1_000;
    const headers = {
      "x-ratelimit-limit": String(window.requests),
      "x-ratelimit-remaining": String(Math.max(0, bucket.left - 1)),
      "x-ratelimit-reset": (bucket.resetAt / 1_000).toFixed(3),
      "x-ratelimit-reset-after": after.toFixed(3),
      "x-ratelimit-bucket": Buffer.from(route).toString("hex").slice(0, 32),
    };
    if (bucket.left <= 0) {
      const refusal = tooMany(after, false, "user");
      Object.assign(refusal.headers, headers);
      throw refusal;
    }
    bucket.left -= 1;
    return headers;
  }
}
