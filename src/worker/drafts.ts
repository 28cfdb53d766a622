/**
 * What a user sees while a turn runs: the newest text, tool or state, at most five times a second per turn.
 * Drafts are published, never stored; their seq only rises within one (turn, fence).
 */
import type { DraftMessage } from "../store/index.ts";

/** Least milliseconds between two drafts of a turn. */
const GAP_MS = 200;
/** Platforms end "typing" after about 5 s. */
const WORKING_MS = 4_000;
/** A draft is shown in a message or two; the whole text comes with the answer. More isn't kept: a guest may stream for hours. */
const MAX_CHARS = 16_384;

type Kind = DraftMessage["kind"];

/** See the module's header. */
export class Drafts {
  readonly #publish: (seq: number, kind: Kind, text: string) => void;
  #head = "";
  #text = "";
  #due: { text?: true; tool?: string } = {};
  #seq = 0;
  #lastAt = -GAP_MS;
  #timer: NodeJS.Timeout | undefined;
  readonly #working: NodeJS.Timeout;
  #closed = false;

  constructor(publish: (seq: number, kind: Kind, text: string) => void) {
    this.#publish = publish;
    this.#send("working", "");
    this.#working = setInterval(() => this.#send("working", ""), WORKING_MS);
  }

  /** The beginning of the answer so far, as the agent gave it. */
  get text(): string {
    return this.#text;
  }

  /** What stands above the answer. */
  head(text: string): void {
    if (text === this.#head) return;
    this.#head = text;
    this.#mark({ text: true });
  }

  waking(): void {
    this.#send("waking", "");
  }

  delta(text: string): void {
    if (this.#text.length >= MAX_CHARS) return;
    this.replace(this.#text + text);
  }

  replace(text: string): void {
    this.#text = text.slice(0, MAX_CHARS);
    this.#mark({ text: true });
  }

  tool(line: string): void {
    this.#mark({ tool: line });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#working);
  }

  #mark(due: { text?: true; tool?: string }): void {
    Object.assign(this.#due, due);
    if (this.#timer || this.#closed) return;
    const waitMs = this.#lastAt + GAP_MS - performance.now();
    if (waitMs <= 0) this.#flush();
    else
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#flush();
      }, waitMs);
  }

  #flush(): void {
    const { text, tool } = this.#due;
    this.#due = {};
    this.#lastAt = performance.now();
    if (text) this.#send("text", (this.#head + this.#text).slice(0, MAX_CHARS));
    if (tool !== undefined) this.#send("tool", tool);
  }

  #send(kind: Kind, text: string): void {
    if (!this.#closed) this.#publish(++this.#seq, kind, text);
  }
}
