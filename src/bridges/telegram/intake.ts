/**
 * Updates on their way into the store, whichever way they came: those of one chat in order, chats beside each other, taps
 * and stops behind nothing. What can't be stored now is tried again until the process stops.
 */
import type { Update } from "grammy/types";
import type { Logger } from "../../lib/logging.ts";
import { backoffMs, pause } from "../core/index.ts";
import { Expectations, type Expected, senderOf } from "./expected.ts";

/** What storing needs. */
export interface IntakeDeps {
  logger: Logger;
  /** Stores one update; rejects to have it tried again. */
  handle(update: Update, more: Expected): Promise<void>;
}

/** See the module's header. */
export class Intake {
  private readonly deps: IntakeDeps;
  private readonly expectations = new Expectations();
  private readonly lanes = new Map<string, Promise<unknown>>();
  private readonly stopping: AbortSignal;

  constructor(deps: IntakeDeps, stopping: AbortSignal) {
    this.deps = deps;
    this.stopping = stopping;
  }

  /** Takes updates that came together. Each promise resolves true once its update is stored, false when we stop first. */
  take(updates: readonly Update[]): Promise<boolean>[] {
    const now = performance.now();
    return updates.map((update, i) => {
      const sender = senderOf(update);
      const later = updates.slice(i + 1);
      const following = sender !== undefined && later.some((one) => senderOf(one) === sender);
      return this.enter(update, this.expectations.judge(update, following, now));
    });
  }

  private enter(update: Update, more: Expected): Promise<boolean> {
    const lane = laneOf(update);
    const before = this.lanes.get(lane) ?? Promise.resolve();
    const work = before.then(() => this.store(update, more));
    this.lanes.set(lane, work);
    void work.finally(() => {
      if (this.lanes.get(lane) === work) this.lanes.delete(lane);
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
}

function laneOf(update: Update): string {
  // A tap or a stop must not wait behind a message that can't be stored.
  const chat = (update.message ?? update.edited_message)?.chat.id;
  return chat === undefined ? `press:${update.update_id}` : `chat:${chat}`;
}
