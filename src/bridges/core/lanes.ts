/**
 * Work that is marked in the store and hinted at by pub/sub: one lane per key, many keys at once.
 * Hints make it fast, a sweep each second makes it sure, back-off per key keeps trouble in its own lane.
 * Must never work two lanes of one key at once, and never while another process holds the bridge's lease.
 */
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import { backoffMs } from "./backoff.ts";

/** A key whose turn hasn't come: the platform asked to wait, or the outcome of a request is unknown. */
export interface Later {
  retryAfterMs: number;
  code: string;
}

/** What lanes need. */
export interface LanesDeps {
  /** What is delivered, for the log. */
  what: string;
  /** Marked keys, oldest first. */
  dirty(limit: number): Promise<{ key: string; mark: number }[]>;
  /** Works one key off as far as it goes now; `mark` is known when a sweep found it. Rejects only when the store does. */
  work(key: string, mark: number | undefined): Promise<Later | undefined>;
  /** Whether this process holds the lease now. */
  mayAct(): boolean;
  logger: Logger;
}

/** Keys that are served at once. */
const MAX_LANES = 32;
/** Keys that a sweep looks at; more than can be stuck in back-off at once. */
const SWEEP_LIMIT = 1_000;

interface Lane {
  /** Asked for again while it was being served. */
  again: boolean;
}

/** The lanes of one kind of work. */
export class Lanes {
  private readonly deps: LanesDeps;
  private readonly lanes = new Map<string, Lane>();
  private readonly waiting = new Map<string, { until: number; failures: number }>();
  /** Keys for which no lane was free, in order, with their marks. */
  private readonly queued = new Map<string, number | undefined>();
  private timer: NodeJS.Timeout | undefined;
  private readonly stopHints: (() => Promise<void>)[] = [];
  private closed = false;

  constructor(deps: LanesDeps) {
    this.deps = deps;
  }

  /** Whether this process may act now. */
  get active(): boolean {
    return !this.closed && this.deps.mayAct();
  }

  /** Subscribes to hints and starts to sweep. Never waits for Redis: sweeping heals. */
  start(subscriptions: (() => Promise<() => Promise<void>>)[]): void {
    for (const open of subscriptions) this.subscribe(open);
    const loop = async () => {
      await this.sweep();
      if (!this.closed) this.timer = setTimeout(loop, TIMEOUTS.sweep);
    };
    void loop();
  }

  /** Something may have changed: look at the key now. */
  hint(key: string): void {
    if (!this.active) return;
    const lane = this.lanes.get(key);
    if (lane) lane.again = true;
    else void this.serve(key, undefined);
  }

  /** Part of a key's work went well: its back-off starts anew. */
  succeeded(key: string): void {
    this.waiting.delete(key);
  }

  /** Stops sweeping and waits for work under way, at most `flushMs`. */
  async close(flushMs: number): Promise<void> {
    if (this.active) await this.sweep();
    const until = Date.now() + flushMs;
    while (this.lanes.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    this.closed = true;
    clearTimeout(this.timer);
    await Promise.all(this.stopHints.map((stop) => stop().catch(() => {})));
  }

  private subscribe(open: () => Promise<() => Promise<void>>): void {
    const attempt = async () => {
      if (this.closed) return;
      try {
        this.stopHints.push(await open());
      } catch {
        setTimeout(attempt, TIMEOUTS.sweep).unref();
      }
    };
    void attempt();
  }

  private async sweep(): Promise<void> {
    if (!this.deps.mayAct()) return;
    try {
      for (const { key, mark } of await this.deps.dirty(SWEEP_LIMIT)) {
        if (!this.lanes.has(key)) void this.serve(key, mark);
      }
    } catch (err) {
      this.deps.logger.warn({ err }, `marked ${this.deps.what}s not readable; trying again`);
    }
  }

  private async serve(key: string, mark: number | undefined): Promise<void> {
    if (this.mustWait(key)) return;
    if (this.lanes.size >= MAX_LANES) {
      this.queued.set(key, mark ?? this.queued.get(key));
      return;
    }
    const lane: Lane = { again: false };
    this.lanes.set(key, lane);
    try {
      do {
        lane.again = false;
        const later = await this.deps.work(key, mark);
        if (later) this.backOff(key, later.retryAfterMs, { code: later.code });
        else this.succeeded(key);
      } while (lane.again && !this.closed && !this.mustWait(key));
    } catch (err) {
      this.backOff(key, 0, { err });
    } finally {
      this.lanes.delete(key);
      this.next();
    }
  }

  /** A lane is free. */
  private next(): void {
    while (this.active && this.lanes.size < MAX_LANES) {
      const first = this.queued.entries().next();
      if (first.done) return;
      const [key, mark] = first.value;
      this.queued.delete(key);
      if (!this.lanes.has(key)) void this.serve(key, mark);
    }
  }

  private mustWait(key: string): boolean {
    return (this.waiting.get(key)?.until ?? 0) > Date.now();
  }

  private backOff(key: string, atLeastMs: number, why: object): void {
    const before = this.waiting.get(key)?.failures ?? 0;
    // To be asked to wait is no failure: who waited longest must not wait longest again.
    const failures = atLeastMs > 0 ? before : before + 1;
    const ms = atLeastMs > 0 ? atLeastMs : backoffMs(failures - 1);
    this.waiting.set(key, { until: Date.now() + ms, failures });
    this.deps.logger.warn({ key, ...why }, `${this.deps.what} not delivered yet; trying again`);
    // Sooner than the next sweep, where the platform asked for less.
    if (ms < TIMEOUTS.sweep) setTimeout(() => this.hint(key), ms + 1).unref();
  }
}
