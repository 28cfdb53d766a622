/**
 * Delivers answers, in order per conversation, many conversations at once (RELIABILITY §4).
 * Hints make it fast, a sweep each second makes it sure. Only the holder of the bridge's lease delivers.
 * Must never forget an answer before each of its parts is sent or refused for good.
 */
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { OutboxPort } from "../../store/index.ts";
import { backoffMs } from "./backoff.ts";
import type { Counters } from "./counters.ts";
import { deliverAnswer } from "./deliver.ts";
import type { DraftBoard } from "./drafts.ts";
import type { BridgePlatform } from "./port.ts";

/** What the outbox needs. */
export interface OutboxDeps {
  platform: BridgePlatform;
  store: OutboxPort;
  drafts: DraftBoard;
  counters: Counters;
  logger: Logger;
  /** Whether this process holds the lease now. */
  mayDeliver(): boolean;
}

/** Conversations that are served at once. */
const MAX_LANES = 32;
/** Conversations that a sweep looks at; more than can be stuck in back-off at once. */
const SWEEP_LIMIT = 1_000;

interface Lane {
  /** Asked for again while it was being served. */
  again: boolean;
}

/** The delivery loop of one bridge. */
export class Outbox {
  private readonly deps: OutboxDeps;
  private readonly lanes = new Map<string, Lane>();
  private readonly waiting = new Map<string, { until: number; failures: number }>();
  private timer: NodeJS.Timeout | undefined;
  private stopHints: (() => Promise<void>)[] = [];
  private closed = false;

  constructor(deps: OutboxDeps) {
    this.deps = deps;
  }

  /** Subscribes to hints and drafts and starts to sweep. Never waits for Redis: sweeping heals. */
  start(): void {
    this.subscribe(() => this.deps.store.onOutboxHint((conversation) => this.hint(conversation)));
    this.subscribe(() =>
      this.deps.store.onDraft((draft) => {
        if (!this.closed && this.deps.mayDeliver()) this.deps.drafts.show(draft);
      }),
    );
    const loop = async () => {
      await this.sweep();
      if (!this.closed) this.timer = setTimeout(loop, TIMEOUTS.sweep);
    };
    void loop();
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

  /** Stops sweeping and waits for deliveries under way, at most `flushMs`. */
  async close(flushMs: number = TIMEOUTS.drainOutbox): Promise<void> {
    if (!this.closed && this.deps.mayDeliver()) await this.sweep();
    const until = Date.now() + flushMs;
    while (this.lanes.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    this.closed = true;
    clearTimeout(this.timer);
    await Promise.all(this.stopHints.map((stop) => stop().catch(() => {})));
  }

  private hint(conversation: string): void {
    if (this.closed || !this.deps.mayDeliver()) return;
    if (this.lanes.has(conversation)) this.lanes.get(conversation)!.again = true;
    else void this.serve(conversation, undefined);
  }

  private async sweep(): Promise<void> {
    if (!this.deps.mayDeliver()) return;
    try {
      for (const { conversation, mark } of await this.deps.store.dirty(SWEEP_LIMIT)) {
        if (!this.lanes.has(conversation)) void this.serve(conversation, mark);
      }
    } catch (err) {
      this.deps.logger.warn({ err }, "outbox not readable; trying again");
    }
  }

  private async serve(conversation: string, mark: number | undefined): Promise<void> {
    if (this.lanes.size >= MAX_LANES || this.mustWait(conversation)) return;
    const lane: Lane = { again: false };
    this.lanes.set(conversation, lane);
    try {
      do {
        lane.again = false;
        await this.drain(conversation, mark);
      } while (lane.again && !this.closed && !this.mustWait(conversation));
    } catch (err) {
      this.backOff(conversation, 0);
      this.deps.logger.warn({ conversation, err }, "answer not delivered yet; trying again");
    } finally {
      this.lanes.delete(conversation);
    }
  }

  private mustWait(conversation: string): boolean {
    return (this.waiting.get(conversation)?.until ?? 0) > Date.now();
  }

  /** Delivers what is pending, oldest first; stops at the first answer that has to wait, so that order holds. */
  private async drain(conversation: string, mark: number | undefined): Promise<void> {
    for (const answer of await this.deps.store.pending(conversation)) {
      if (!this.deps.mayDeliver()) return;
      const outcome = await deliverAnswer(this.deps, answer);
      if (outcome.kind === "later") {
        this.backOff(conversation, outcome.retryAfterMs);
        this.deps.logger.warn(
          { conversation, turnId: answer.turnId, code: outcome.code },
          "answer not delivered yet; trying again",
        );
        return;
      }
      this.waiting.delete(conversation);
    }
    if (mark !== undefined) await this.deps.store.clean(conversation, mark);
  }

  private backOff(conversation: string, atLeastMs: number): void {
    const failures = (this.waiting.get(conversation)?.failures ?? 0) + 1;
    const ms = Math.max(atLeastMs, backoffMs(failures - 1));
    this.waiting.set(conversation, { until: Date.now() + ms, failures });
    // Sooner than the next sweep, where the platform asked for less.
    if (ms < TIMEOUTS.sweep) setTimeout(() => this.hint(conversation), ms + 1).unref();
  }
}
