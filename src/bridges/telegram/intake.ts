/**
 * Updates on their way into the store, whichever way they came: those of one conversation in order, conversations beside
 * each other, taps and stops behind nothing. What can't be stored now is tried again until the process stops.
 * Telegram shows no more than the first hundred that aren't confirmed: so that one person's flood doesn't hide the others'
 * messages, updates that wait behind many are kept as they came (durably, all at once), which confirms them, and are worked
 * off from there; who takes the lease next begins with what is left.
 */
import type { Update } from "grammy/types";
import { z } from "zod";
import type { Logger } from "../../lib/logging.ts";
import type { BridgePort } from "../../store/index.ts";
import { backoffMs, pause } from "../core/index.ts";
import { Expectations, type Expected, senderOf } from "./expected.ts";

/** What storing needs. */
export interface IntakeDeps {
  logger: Logger;
  /** Stores one update; rejects to have it tried again. */
  handle(update: Update, more: Expected): Promise<void>;
  backlog: Pick<BridgePort, "keepUpdates" | "dropUpdates" | "keptUpdates">;
}

/** Updates under way from which on they are kept. */
const KEEP_FROM = 20;
/** Beyond that Telegram keeps them, as long as it likes. */
const MOST_KEPT = 5_000;
/** What was worked off is forgotten together. Milliseconds. */
const FORGET_MS = 200;

/** Only what the rest relies on. */
const AnyUpdate = z.looseObject({ update_id: z.number().int() });

/** See the module's header. */
export class Intake {
  private readonly deps: IntakeDeps;
  private readonly expectations = new Expectations();
  private readonly lanes = new Map<string, Promise<unknown>>();
  /** Updates under way. */
  private readonly open = new Map<number, Promise<boolean>>();
  /** Of those, and of what was worked off since: perhaps kept. */
  private readonly kept = new Set<number>();
  private readonly done = new Set<number>();
  private timer: NodeJS.Timeout | undefined;
  private readonly stopping: AbortSignal;

  constructor(deps: IntakeDeps, stopping: AbortSignal) {
    this.deps = deps;
    this.stopping = stopping;
  }

  /**
   * Takes updates that came together. Each promise resolves true once its update is stored or kept, false when we stop
   * first.
   */
  take(updates: readonly Update[]): Promise<boolean>[] {
    const works = this.enterAll(updates);
    if (this.open.size <= KEEP_FROM || this.open.size > MOST_KEPT) return works;
    const keeping = this.keep(updates);
    return works.map((work) => Promise.race([work, keeping.then((ok) => ok || work)]));
  }

  /** The lease is ours: what was kept and not worked off comes first. Resolves when all of it is under way, or we stop. */
  async recall(): Promise<void> {
    for (let failures = 0; !this.stopping.aborted; failures++) {
      try {
        const kept = (await this.deps.backlog.keptUpdates()).flatMap((json) => this.readKept(json));
        for (const { update_id: id } of kept) this.kept.add(id);
        if (kept.length > 0) this.deps.logger.info({ updates: kept.length }, "working off kept updates");
        this.enterAll(kept.filter(({ update_id: id }) => !this.done.has(id)));
        return;
      } catch (err) {
        this.deps.logger.warn({ err }, "kept updates not readable; trying again");
        await pause(Math.min(3_000, backoffMs(failures)), this.stopping);
      }
    }
  }

  /** One that can't be read must not stand in the way of all others, for ever. */
  private readKept(json: string): Update[] {
    try {
      return [AnyUpdate.parse(JSON.parse(json)) as unknown as Update];
    } catch {
      this.deps.logger.error({ bytes: json.length }, "a kept update can't be read: it stays where it is");
      return [];
    }
  }

  /** Forgets what was worked off. What is still open stays kept for the next process. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.forget();
  }

  private enterAll(updates: readonly Update[]): Promise<boolean>[] {
    const now = performance.now();
    return updates.map((update, i) => {
      const known = this.open.get(update.update_id);
      if (known) return known;
      const sender = senderOf(update);
      const later = updates.slice(i + 1);
      const following = sender !== undefined && later.some((one) => senderOf(one) === sender);
      return this.enter(update, this.expectations.judge(update, following, now));
    });
  }

  private enter(update: Update, more: Expected): Promise<boolean> {
    const id = update.update_id;
    const lane = laneOf(update);
    const before = this.lanes.get(lane) ?? Promise.resolve();
    const work = before.then(() => this.store(update, more));
    this.lanes.set(lane, work);
    this.open.set(id, work);
    void work.then((stored) => {
      if (this.lanes.get(lane) === work) this.lanes.delete(lane);
      this.open.delete(id);
      if (!stored || !this.kept.has(id)) return;
      this.done.add(id);
      this.timer ??= setTimeout(() => void this.forget(), FORGET_MS);
    });
    return work;
  }

  private async store(update: Update, more: Expected): Promise<boolean> {
    for (let failures = 0; !this.stopping.aborted; failures++) {
      try {
        await this.deps.handle(update, more);
        return true;
      } catch (err) {
        const updateKey = String(update.update_id);
        this.deps.logger.warn({ updateKey, err }, "update not stored yet; trying again");
        await pause(Math.min(3_000, backoffMs(failures)), this.stopping);
      }
    }
    return false;
  }

  /** Whether they are kept; if not, each is confirmed by itself, as ever. */
  private async keep(updates: readonly Update[]): Promise<boolean> {
    for (const { update_id: id } of updates) this.kept.add(id);
    const texts = new Map(updates.map((update) => [update.update_id, JSON.stringify(update)]));
    try {
      await this.deps.backlog.keepUpdates(texts);
      return true;
    } catch (err) {
      this.deps.logger.warn({ err }, "updates not kept");
      return false;
    }
  }

  private async forget(): Promise<void> {
    this.timer = undefined;
    const ids = [...this.done];
    if (ids.length === 0) return;
    try {
      await this.deps.backlog.dropUpdates(ids);
      for (const id of ids) {
        this.done.delete(id);
        this.kept.delete(id);
      }
    } catch (err) {
      // A process that begins with them finds that the mailbox knows them.
      this.deps.logger.warn({ err }, "kept updates not forgotten yet");
      if (!this.stopping.aborted) this.timer ??= setTimeout(() => void this.forget(), 1_000);
    }
  }
}

function laneOf(update: Update): string {
  // A tap or a stop must not wait behind a message that can't be stored.
  const message = update.message ?? update.edited_message;
  if (message === undefined) return `press:${update.update_id}`;
  const topic = message.is_topic_message === true ? message.message_thread_id : undefined;
  return `chat:${message.chat.id}:${topic ?? ""}`;
}
