/**
 * Interactions that wait for words: their tokens, kept in memory only (a token lets anybody write as the bot for 15 min).
 * An answer that comes in time becomes the interaction's own message, and stays editable by the bot's token after that;
 * one that comes too late, or after a restart, is a message of the channel.
 */
import { type Outcome, pause } from "../core/index.ts";
import type { DiscordApi, MessageBody } from "./api.ts";
import { outcomeOf } from "./outcome.ts";

/** A token lives 15 min; nothing is begun in its last minute. */
const USABLE_MS = 14 * 60_000;
const MOST = 5_000;

interface Entry {
  token: string;
  at: number;
  /** Nothing can be said before the deferral has arrived. */
  deferred: Promise<Outcome<void>>;
  hidden: boolean;
  /** Which placeholder or notice `@original` was used for. */
  usedFor?: string;
}

/** See the module's header. */
export class PendingInteractions {
  private readonly api: DiscordApi;
  private readonly application: () => string;
  private readonly entries = new Map<string, Entry>();

  constructor(api: DiscordApi, application: () => string) {
    this.api = api;
    this.application = application;
  }

  /** Whether it is known: the same event was delivered twice. */
  has(id: string): boolean {
    return this.entries.has(id);
  }

  /** Remembers one that is being deferred. */
  add(id: string, token: string, hidden: boolean, deferred: Promise<Outcome<void>>): void {
    this.entries.set(id, { token, at: Date.now(), hidden, deferred });
    for (const [oldest, { at }] of this.entries) {
      if (this.entries.size <= MOST && Date.now() - at < USABLE_MS) break;
      this.entries.delete(oldest);
    }
  }

  /** Whether it was deferred for its user's eyes only. */
  isHidden(id: string): boolean {
    return this.entries.get(id)?.hidden ?? false;
  }

  /** Whether `@original` still says "is thinking". */
  isSilent(id: string): boolean {
    const entry = this.entries.get(id);
    return entry !== undefined && entry.usedFor === undefined;
  }

  /** Makes `@original` this placeholder; undefined when it can't be one. Repeatable by the same key. */
  async become(id: string, key: string, body: MessageBody): Promise<Outcome<string> | undefined> {
    const entry = await this.usable(id);
    // A message that only one person sees can't be edited by the bot's token.
    if (!entry || entry.hidden || (entry.usedFor ?? key) !== key) return undefined;
    entry.usedFor = key;
    const outcome = await outcomeOf(this.api.editOriginal(this.application(), entry.token, body));
    if (outcome.kind !== "refused") return outcome;
    // Whatever is to be said goes to the channel.
    entry.at = 0;
    return undefined;
  }

  /** Says something to an interaction: `@original` first, then follow-ups; undefined when it can't be said there. */
  async say(id: string, body: MessageBody): Promise<Outcome<string> | undefined> {
    const entry = await this.usable(id);
    if (!entry) return undefined;
    const first = entry.usedFor === undefined;
    entry.usedFor ??= "notice";
    const outcome = await outcomeOf(
      first
        ? this.api.editOriginal(this.application(), entry.token, body)
        : this.api.followUp(this.application(), entry.token, body, entry.hidden),
    );
    if (outcome.kind === "refused" && outcome.reason === "gone") return undefined;
    if (outcome.kind !== "ok" && first) delete entry.usedFor;
    return outcome;
  }

  /** Says something that only the interaction's maker sees, beside the message that was pressed. Best effort. */
  async whisper(id: string, body: MessageBody): Promise<void> {
    const entry = await this.usable(id);
    for (let attempt = 1; entry && attempt <= 3; attempt++) {
      const outcome = await outcomeOf(this.api.followUp(this.application(), entry.token, body, true));
      if (outcome.kind !== "not-applied" || outcome.retryAfterMs > 5_000) return;
      await pause(Math.max(200, outcome.retryAfterMs));
    }
  }

  /** What was asked for is said elsewhere: "is thinking" goes away. Best effort. */
  async hush(id: string): Promise<void> {
    const entry = await this.usable(id);
    if (!entry || entry.usedFor !== undefined) return;
    entry.usedFor = "hushed";
    await outcomeOf(this.api.deleteOriginal(this.application(), entry.token));
  }

  private async usable(id: string): Promise<Entry | undefined> {
    const entry = this.entries.get(id);
    if (!entry || Date.now() - entry.at >= USABLE_MS) return undefined;
    return (await entry.deferred).kind === "ok" ? entry : undefined;
  }
}
