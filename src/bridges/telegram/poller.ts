/**
 * Long polling with our own loop: an update is confirmed to Telegram only when it is durably stored.
 * Updates of one conversation keep their order; conversations don't wait for each other; an update that can't be stored now is tried
 * again and holds back the confirmation, not the others. Polls only while the lease is held, checked before each request.
 */
import { type Api, GrammyError } from "grammy";
import type { Update } from "grammy/types";
import type { Logger } from "../../lib/logging.ts";
import { backoffMs, pause } from "../core/index.ts";
import { ALLOWED_UPDATES } from "./inbound.ts";
import { Intake, type IntakeDeps } from "./intake.ts";
import { networkCode } from "./outcome.ts";
import type { UpdateSource } from "./source.ts";

/** What the loop needs. */
export interface PollerDeps extends IntakeDeps {
  api: Api;
  logger: Logger;
  /** Whether updates may be fetched now: the lease is held, and Redis has room. */
  mayPoll(): boolean;
  /** Telegram says that another process polls. */
  onConflict(): Promise<void>;
  /** Seconds that Telegram holds an empty poll. */
  pollSeconds: number;
}

/** Updates per request (Bot API maximum). */
const BATCH = 100;
/** A long poll that is not answered this much later than promised is given up. */
const POLL_GRACE_MS = 15_000;

/** The polling loop of one bot. */
export class Poller implements UpdateSource {
  private readonly deps: PollerDeps;
  /** Stored, but above one that isn't. */
  private readonly stored = new Set<number>();
  private readonly open = new Map<number, Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly intake: Intake;
  private request = new AbortController();
  /** Sent once with the next poll, then omitted: Telegram may restart its ids lower after a quiet week. */
  private confirm: number | undefined;
  private failures = 0;
  private unhook = true;
  private fresh = true;
  private running: Promise<void> = Promise.resolve();
  /** When Telegram last answered a poll (ms since the epoch), 0 before. */
  lastAnswerAt = 0;

  constructor(deps: PollerDeps) {
    this.deps = deps;
    this.intake = new Intake(deps, this.stopping.signal);
  }

  /** Starts the loop. */
  start(): void {
    this.running = this.loop();
  }

  /** A webhook that was set before would refuse every poll; what waits for it comes by the first one. */
  held(): void {
    this.unhook = true;
    this.fresh = true;
  }

  /** Ends the poll under way: the lease is gone or the process stops. */
  interrupt(): void {
    this.request.abort();
  }

  /** Stops polling and waits for updates that are being stored. */
  async close(): Promise<void> {
    this.stopping.abort();
    this.interrupt();
    await this.running;
    const settled = Promise.allSettled([...this.open.values()]);
    await Promise.race([settled, pause(2_000)]);
    await this.intake.close();
    if (this.confirm !== undefined && this.deps.mayPoll()) await this.confirmLast(this.confirm);
  }

  private async loop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      if (!this.deps.mayPoll()) {
        await this.sleep(200);
        continue;
      }
      if (this.fresh) {
        this.fresh = false;
        await this.intake.recall();
      }
      await this.poll();
      // Storing takes milliseconds: confirm with the very next poll. What takes longer doesn't stop polling, but
      // Telegram repeats it in each answer: don't spin.
      if (this.open.size > 0) await Promise.race([Promise.allSettled(this.open.values()), this.sleep(300)]);
    }
  }

  /** One getUpdates. */
  private async poll(): Promise<void> {
    const { api, logger, pollSeconds } = this.deps;
    this.request = new AbortController();
    const signal = AbortSignal.any([
      this.request.signal,
      AbortSignal.timeout(pollSeconds * 1_000 + POLL_GRACE_MS),
    ]);
    const confirm = this.confirm;
    try {
      if (this.unhook) await api.deleteWebhook({ drop_pending_updates: false }, signal as never);
      this.unhook = false;
      const updates = await api.getUpdates(
        {
          ...(confirm === undefined ? {} : { offset: confirm }),
          limit: BATCH,
          // While something waits to be stored Telegram answers at once with it anyway.
          timeout: pollSeconds,
          allowed_updates: ALLOWED_UPDATES,
        },
        signal as never,
      );
      this.failures = 0;
      this.lastAnswerAt = Date.now();
      if (confirm !== undefined) this.confirmed(confirm);
      this.take(updates);
    } catch (error) {
      if (this.stopping.signal.aborted || this.request.signal.aborted) return;
      await this.failed(error, logger);
    }
  }

  private confirmed(offset: number): void {
    if (this.confirm === offset) this.confirm = undefined;
    for (const id of this.stored) if (id < offset) this.stored.delete(id);
  }

  private async failed(error: unknown, logger: Logger): Promise<void> {
    if (error instanceof GrammyError && error.error_code === 409) {
      logger.warn("another process polls this bot (409): letting the lease go");
      await this.deps.onConflict();
      return;
    }
    this.failures += 1;
    const asked = error instanceof GrammyError ? (error.parameters.retry_after ?? 0) * 1_000 : 0;
    const code = error instanceof GrammyError ? `telegram-${error.error_code}` : networkCode(error);
    const ms = Math.max(asked, backoffMs(this.failures - 1));
    logger.warn({ code, retryInMs: ms }, "updates not received; trying again");
    await this.sleep(ms);
  }

  private take(updates: Update[]): void {
    const fresh = updates.filter(({ update_id: id }) => !this.open.has(id) && !this.stored.has(id));
    for (const [i, work] of this.intake.take(fresh).entries()) {
      const id = fresh[i]!.update_id;
      const ended = work.then((stored) => {
        this.open.delete(id);
        if (!stored) return;
        this.stored.add(id);
        this.advance();
      });
      this.open.set(id, ended);
    }
  }

  /** Confirms up to the first update that isn't stored. */
  private advance(): void {
    const lowestOpen = Math.min(...this.open.keys(), Number.POSITIVE_INFINITY);
    const below = [...this.stored].filter((id) => id < lowestOpen);
    if (below.length > 0) this.confirm = Math.max(...below) + 1;
  }

  private async confirmLast(offset: number): Promise<void> {
    const request = { offset, limit: 1, timeout: 0, allowed_updates: ALLOWED_UPDATES };
    await this.deps.api.getUpdates(request, AbortSignal.timeout(2_000) as never).catch(() => {});
  }

  private async sleep(ms: number): Promise<void> {
    await pause(ms, this.stopping.signal);
  }
}
