/**
 * Events of one turn until the host has stored them: bounded, replayable, in order.
 * When it grows over its limit the text so far becomes one `text` event and tool updates are dropped; outcome, usage,
 * starts and ends of tools stay. Pure. Must never reuse or reorder a seq.
 */
import { JOURNAL_BYTES, type TurnEvent } from "./protocol.ts";

/** An event with its number. */
export interface Entry {
  seq: number;
  event: TurnEvent;
}

/** Longest text in one event: leaves room for JSON escapes in a frame. */
export const TEXT_PIECE = 32 * 1024;

/** The journal of one turn. */
export class Journal {
  #entries: Entry[] = [];
  #bytes = 0;
  #lastSeq = 0;
  #lastTextSeq = 0;
  /** What a reader of all events would show now; only its end when it is very long. */
  #text = "";
  readonly #limit: number;

  constructor(limit: number = JOURNAL_BYTES) {
    this.#limit = limit;
  }

  /** Highest seq given out. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Bytes held, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The agent's text so far. */
  get text(): string {
    return this.#text;
  }

  /** Adds an event under the next seq. */
  add(event: TurnEvent): void {
    this.#lastSeq += 1;
    if (event.kind === "delta" || event.kind === "text") {
      this.#text = tail(event.kind === "delta" ? this.#text + event.text : event.text);
      this.#lastTextSeq = this.#lastSeq;
    } else if (event.kind === "final") this.#text = tail(event.text);
    this.#entries.push({ seq: this.#lastSeq, event });
    this.#bytes += size(event);
    if (this.#bytes > this.#limit) this.#compact();
  }

  /** Forgets what the host has stored. */
  received(seq: number): void {
    const kept = this.#entries.findIndex((entry) => entry.seq > seq);
    this.#set(kept === -1 ? [] : this.#entries.slice(kept));
  }

  /** The first event after `seq`. */
  next(seq: number): Entry | undefined {
    return this.#entries.find((entry) => entry.seq > seq);
  }

  /**
   * One `text` under the seq of the newest text event replaces them all. It is the whole text, never a sum of deltas:
   * a reader may already have some of those.
   */
  #compact(): void {
    const textEntry: Entry = { seq: this.#lastTextSeq, event: { kind: "text", text: this.#text } };
    this.#set(
      this.#entries.flatMap((entry) => {
        if (entry.seq === this.#lastTextSeq) return [textEntry];
        const { event } = entry;
        const droppable =
          event.kind === "delta" ||
          event.kind === "text" ||
          (event.kind === "tool" && event.phase === "update");
        return droppable ? [] : [entry];
      }),
    );
  }

  #set(entries: Entry[]): void {
    this.#entries = entries;
    this.#bytes = entries.reduce((sum, { event }) => sum + size(event), 0);
  }
}

/** The end of a text that is too long for one event: a chat shows a running answer's end, and `final` brings the whole. */
export function tail(text: string): string {
  return text.length <= TEXT_PIECE ? text : `…${text.slice(-TEXT_PIECE).replace(/^[\udc00-\udfff]/, "")}`;
}

/** Cuts a text so that its JSON has at most `bytes` bytes. */
export function fit(text: string, bytes: number): string {
  const note = "\n\n[The answer was longer than can be passed on.]";
  let out = text;
  for (let length = text.length; Buffer.byteLength(JSON.stringify(out)) > bytes; ) {
    length = Math.floor(length * 0.8);
    out = text.slice(0, length).replace(/[\ud800-\udbff]$/, "") + note;
  }
  return out;
}

function size(event: TurnEvent): number {
  return JSON.stringify(event).length + 16;
}
