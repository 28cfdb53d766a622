/**
 * Tells people why their message isn't being answered yet: behind how many it stands, or that their agent is busy in other
 * chats of theirs. Best effort, and seldom: what waits together is told once.
 */
import type { ConversationLook, Delivery } from "../../store/index.ts";

/** What it needs. */
export interface WaitingDeps {
  reply(to: Delivery, code: string, params: Record<string, string>): Promise<void>;
  look(conversation: string): Promise<ConversationLook>;
}

/** The same is told again after this. Milliseconds. */
const AGAIN_MS = 60_000;
/** A message that nobody has taken up after this waits for a place. */
const UNTAKEN_MS = 3_000;
const MOST = 10_000;

/** The notices of one bridge. */
export class WaitingNotices {
  private readonly deps: WaitingDeps;
  private readonly told = new Map<string, number>();
  private readonly untaken = new Map<string, NodeJS.Timeout>();

  constructor(deps: WaitingDeps) {
    this.deps = deps;
  }

  /** A message was accepted behind `ahead` others (the running turn counts as one). */
  accepted(conversation: string, to: Delivery, ahead: number): void {
    if (ahead > 0) {
      if (this.mayTell(conversation)) void this.say(to, "queued", { count: String(ahead) });
      return;
    }
    clearTimeout(this.untaken.get(conversation));
    const look = () => void this.lookAfter(conversation, to).catch(() => {});
    this.untaken.set(conversation, setTimeout(look, UNTAKEN_MS).unref());
  }

  /** A turn of the conversation shows signs of life. */
  taken(conversation: string): void {
    clearTimeout(this.untaken.get(conversation));
    this.untaken.delete(conversation);
  }

  /** No more notices. */
  close(): void {
    for (const timer of this.untaken.values()) clearTimeout(timer);
    this.untaken.clear();
  }

  private async lookAfter(conversation: string, to: Delivery): Promise<void> {
    this.untaken.delete(conversation);
    const { turn, waiting } = await this.deps.look(conversation);
    if (!turn && waiting > 0 && this.mayTell(conversation)) await this.say(to, "busy-elsewhere", {});
  }

  private mayTell(conversation: string): boolean {
    const now = performance.now();
    if (now - (this.told.get(conversation) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return false;
    this.told.delete(conversation);
    this.told.set(conversation, now);
    if (this.told.size > MOST) {
      const [oldest = ""] = this.told.keys();
      this.told.delete(oldest);
    }
    return true;
  }

  private async say(to: Delivery, code: string, params: Record<string, string>): Promise<void> {
    // It answers nothing: nobody should take it for the answer.
    const { replyTo: _, ...place } = to;
    await this.deps.reply(place, code, params).catch(() => {});
  }
}
