/**
 * The queue of updates: long polling with offset and 409, or a webhook with its secret.
 * An update is confirmed only by a later getUpdates with a higher offset.
 */
import { ApiError } from "./errors.ts";

/** An update as the bot gets it. */
export type Update = { update_id: number } & Record<string, unknown>;

interface Poll {
  limit: number;
  resolve(updates: Update[]): void;
  reject(error: ApiError): void;
  timer: NodeJS.Timeout;
}

/** Never sent unless asked for by name (Bot API "getUpdates", allowed_updates). */
const OPTIONAL = new Set(["chat_member", "message_reaction", "message_reaction_count"]);
const CONFLICT =
  "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
const WEBHOOK_ACTIVE =
  "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";

/** Updates of one bot. */
export class UpdateQueue {
  private queue: Update[] = [];
  private confirmed: Update[] = [];
  private nextId = 700_000_001;
  private poll: Poll | undefined;
  private allowed: string[] = [];
  private again = false;
  webhook: { url: string; secret: string; connections: number; lastError?: string } | undefined;

  /** Adds an update, unless its kind was not asked for. Returns its id. */
  push(kind: string, value: unknown): number {
    const id = this.nextId++;
    const wanted = this.allowed.length > 0 ? this.allowed.includes(kind) : !OPTIONAL.has(kind);
    if (!wanted) return id;
    this.queue.push({ update_id: id, [kind]: value });
    this.wake();
    this.deliver();
    return id;
  }

  /** Kinds that are wanted from now on; the setting stays when none is given. */
  ask(allowed: string[] | undefined): void {
    if (allowed) this.allowed = allowed;
  }

  /** Forgets what waits. */
  drop(): void {
    this.queue = [];
  }

  /** What is not yet confirmed. */
  get pending(): readonly Update[] {
    return this.queue;
  }

  /** After a quiet week ids are chosen anew, perhaps lower. */
  restartIds(at: number): void {
    this.nextId = at;
  }

  /** The last confirmed updates come once more with the next batch. */
  repeatConfirmed(): void {
    this.again = true;
  }

  /** One getUpdates call; `onGone` is told how to cancel it when the client hangs up. */
  get(
    params: { offset?: number; limit?: number; timeout?: number; allowed_updates?: string[] },
    onGone: (cancel: () => void) => void,
  ): Promise<Update[]> {
    if (this.webhook) throw new ApiError(409, WEBHOOK_ACTIVE);
    if (this.poll) this.endPoll((poll) => poll.reject(new ApiError(409, CONFLICT)));
    if (params.allowed_updates) this.allowed = params.allowed_updates;
    const limit = Math.min(100, Math.max(1, params.limit ?? 100));
    this.confirm(params.offset);
    const batch = this.batch(limit);
    if (batch.length > 0 || !params.timeout) return Promise.resolve(batch);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.endPoll((poll) => poll.resolve([])), params.timeout! * 1000);
      const poll: Poll = { limit, resolve, reject, timer };
      this.poll = poll;
      onGone(() => {
        if (this.poll === poll) this.endPoll((gone) => gone.resolve([]));
      });
    });
  }

  /** Ends a waiting poll, e.g. when the server stops. */
  close(): void {
    if (this.poll) this.endPoll((poll) => poll.resolve([]));
  }

  private confirm(offset: number | undefined): void {
    if (offset === undefined || offset === 0) return;
    const from = offset > 0 ? offset : (this.queue.at(offset)?.update_id ?? this.queue[0]?.update_id ?? 0);
    const done = this.queue.filter((update) => update.update_id < from);
    if (done.length > 0) this.confirmed = done;
    this.queue = this.queue.filter((update) => update.update_id >= from);
  }

  private batch(limit: number): Update[] {
    const repeated = this.again ? this.confirmed : [];
    this.again = false;
    return [...repeated, ...this.queue].slice(0, limit);
  }

  private wake(): void {
    if (!this.poll) return;
    const { limit } = this.poll;
    this.endPoll((poll) => poll.resolve(this.batch(limit)));
  }

  private endPoll(end: (poll: Poll) => void): void {
    const poll = this.poll!;
    this.poll = undefined;
    clearTimeout(poll.timer);
    end(poll);
  }

  /** Updates under way to the webhook. */
  private readonly sending = new Set<number>();

  /** Posts updates, at most `max_connections` at once; what isn't answered with 2xx is sent again later. */
  private deliver(): void {
    const { webhook } = this;
    if (!webhook) return;
    for (const update of this.queue) {
      if (this.sending.size >= webhook.connections) return;
      if (this.sending.has(update.update_id)) continue;
      this.sending.add(update.update_id);
      void this.send(update, webhook).finally(() => {
        this.sending.delete(update.update_id);
        this.deliver();
      });
    }
  }

  private async send(update: Update, webhook: NonNullable<UpdateQueue["webhook"]>): Promise<void> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (webhook.secret) headers["x-telegram-bot-api-secret-token"] = webhook.secret;
    const status = await fetch(webhook.url, { method: "POST", headers, body: JSON.stringify(update) }).then(
      (response) => response.status,
      () => 0,
    );
    if (status >= 200 && status < 300) {
      this.queue = this.queue.filter((one) => one !== update);
      this.confirmed = [update];
      return;
    }
    webhook.lastError = `Wrong response from the webhook: ${status}`;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  /** A webhook was set: what waits goes there. */
  start(): void {
    this.deliver();
  }
}
