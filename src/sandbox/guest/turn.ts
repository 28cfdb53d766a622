/**
 * One turn: its identity, its journal, and the promise that it ends exactly once.
 * Knows nothing of the agent or of sockets.
 */
import { fit, Journal, tail } from "./journal.ts";
import { type GuestTurn, MAX_FRAME, type TurnEvent } from "./protocol.ts";

/** What a `run` command asks for. */
export interface TurnRequest {
  turnId: string;
  fence: number;
  sessionKey: string;
  text: string;
  mode: "warm" | "oneshot";
  timeoutMs: number;
  model?: string | undefined;
}

/** The event that ends a turn. */
export type LastEvent = Extract<TurnEvent, { kind: "final" | "failed" | "cancelled" }>;

/** So long after an answer its files may still be asked for; a host that comes later finds what others left. Milliseconds. */
const FILES_WAIT_MS = 60_000;
/** Room for the frame around a text. */
const FINAL_BYTES = MAX_FRAME - 4_096;

/** A turn in this guest. */
export class Turn {
  readonly request: TurnRequest;
  readonly journal = new Journal();
  readonly #changed: () => void;
  readonly #ended = Promise.withResolvers<void>();
  readonly #cancelAsked = Promise.withResolvers<void>();
  fence: number;
  done = false;
  cancelled = false;
  /** The host has taken the files that go with the answer. */
  filesTaken = false;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(request: TurnRequest, changed: () => void) {
    this.request = request;
    this.fence = request.fence;
    this.#changed = changed;
  }

  get id(): string {
    return this.request.turnId;
  }

  /** Resolves when the turn is over. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Resolves when a cancel came. */
  get cancelAsked(): Promise<void> {
    return this.#cancelAsked.promise;
  }

  /** What lies in the outbox may still be for this turn's answer. */
  get mayOwnFiles(): boolean {
    return !this.done || (!this.filesTaken && performance.now() - this.#answeredAt < FILES_WAIT_MS);
  }

  /** As the host sees it. */
  describe(): GuestTurn {
    return {
      turnId: this.id,
      fence: this.fence,
      state: this.done ? "done" : "running",
      lastSeq: this.journal.lastSeq,
    };
  }

  /** Adds an event; ignored when the turn is over. */
  emit(event: TurnEvent): void {
    if (this.done) return;
    if (event.kind === "text" || event.kind === "delta")
      this.journal.add({ kind: event.kind, text: tail(event.text) });
    else this.journal.add(event);
    this.#changed();
  }

  /** Ends the turn; only the first call counts. */
  end(event: LastEvent): void {
    if (this.done) return;
    this.emit(event.kind === "final" ? { kind: "final", text: fit(event.text, FINAL_BYTES) } : event);
    this.done = true;
    if (event.kind === "final") this.#answeredAt = performance.now();
    this.#ended.resolve();
  }

  /** Notes that the user wants no more of it. */
  cancel(): void {
    this.cancelled = true;
    this.#cancelAsked.resolve();
  }
}
