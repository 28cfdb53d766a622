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
}

/** The event that ends a turn. */
export type LastEvent = Extract<TurnEvent, { kind: "final" | "failed" | "cancelled" }>;

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
    this.#ended.resolve();
  }

  /** Notes that the user wants no more of it. */
  cancel(): void {
    this.cancelled = true;
    this.#cancelAsked.resolve();
  }
}
