/**
 * Whether more of a message is expected, judged by what Telegram's clients do: they split a long paste into messages of at
 * most 4096 units, send an album as one message per file, and a forwarded message right after its comment. Each piece is
 * stored by itself, at once; only the turn waits. What comes alone starts at once. Pure but for what it remembers.
 */
import type { Update } from "grammy/types";

/** More of an album is expected for this long. Milliseconds. */
const ALBUM_MS = 500;
/** More of a paste or a burst is expected for this long. Milliseconds. */
const BURST_MS = 300;
/** Bot API: "text: 1-4096 characters"; clients cut at white space, if there is any near the end. */
const FULL_TEXT = 4_096;
const NEARLY_FULL = 3_900;
/** Chats that are remembered. */
const MOST = 10_000;

/** How a message's turn is to wait, and what joins it to the message before. */
export interface Expected {
  quietMs?: number;
  /** Only behind a running turn or other messages: a quick answer may have come in between. */
  quietIfAhead?: boolean;
  join?: string;
}

interface Before {
  at: number;
  /** Its text's length if more of it was expected. */
  cut: number;
}

/** Judges messages in the order in which they come. */
export class Expectations {
  private readonly last = new Map<string, Before>();

  /** `following`: the same answer of Telegram holds a later message of the same person there. `now`: monotonic, ms. */
  judge(update: Update, following: boolean, now: number): Expected {
    const { message } = update;
    const key = senderOf(update);
    if (!message || key === undefined) return {};
    const before = this.last.get(key);
    const length = message.text?.length ?? 0;
    const cut = length >= NEARLY_FULL ? length : 0;
    this.remember(key, { at: now, cut });
    const soon = before !== undefined && now - before.at < BURST_MS;
    const album = message.media_group_id !== undefined;
    const sure = cut > 0 || following || message.forward_origin !== undefined;
    // The last piece of a paste is short, and needs no waiting.
    const burst = soon && before.cut === 0;
    const quietMs = album ? ALBUM_MS : sure || burst ? BURST_MS : 0;
    const pasted = soon && before.cut > 0 && message.text !== undefined;
    return {
      ...(quietMs > 0 ? { quietMs, quietIfAhead: !album && !sure } : {}),
      ...(pasted ? { join: before.cut === FULL_TEXT ? "" : "\n" } : {}),
    };
  }

  private remember(key: string, value: Before): void {
    this.last.delete(key);
    this.last.set(key, value);
    if (this.last.size <= MOST) return;
    const [oldest = ""] = this.last.keys();
    this.last.delete(oldest);
  }
}

/** Person, chat and topic of a message; commands are never pieces of one. */
export function senderOf({ message }: Update): string | undefined {
  if (!message?.from || message.text?.startsWith("/")) return undefined;
  return [message.chat.id, message.message_thread_id ?? 0, message.from.id].join(":");
}
