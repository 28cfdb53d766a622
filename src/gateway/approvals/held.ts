/**
 * The connections that one card holds, in memory: who waits, for how long, and what releases them all at once. The
 * record in Redis is the truth about the card; this is the truth about the sockets.
 */
import type { ApprovalRecord } from "../../store/index.ts";
import type { HoldOutcome } from "../egress/proxy/index.ts";

/** How a connection stopped waiting by itself. */
type Exit = "left" | "late";

/** What the owner hears. */
export interface HeldListener {
  /** Numbers changed. */
  counted(): void;
  /** Nobody waits any more: the last one left, or its time was up. */
  empty(exit: Exit): void;
}

/** One card's connections. */
export class Held {
  readonly approvalId: string;
  readonly digest: string;
  record: ApprovalRecord;
  attempts: number;
  readonly #waiting = new Set<(outcome: HoldOutcome) => void>();
  readonly #listener: HeldListener;

  constructor(record: ApprovalRecord, listener: HeldListener) {
    this.record = record;
    this.approvalId = record.approvalId;
    this.digest = record.digest;
    // The attempt that opened or joined is counted when it waits.
    this.attempts = record.attempts - 1;
    this.#listener = listener;
  }

  /** Connections that wait now. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Waits for the card's outcome, the client's leaving, or the time. Never rejects. */
  wait(signal: AbortSignal, ms: number): Promise<HoldOutcome> {
    this.attempts++;
    if (signal.aborted) {
      if (this.count === 0) this.#listener.empty("left");
      return Promise.resolve({ kind: "expired", approvalId: this.approvalId });
    }
    return new Promise((resolve) => {
      const end = (outcome: HoldOutcome) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", leave);
        this.#waiting.delete(end);
        resolve(outcome);
      };
      const exit = (how: Exit) => {
        end({ kind: "expired", approvalId: this.approvalId });
        if (this.count === 0) this.#listener.empty(how);
        else this.#listener.counted();
      };
      const leave = () => exit("left");
      const timer = setTimeout(exit, ms, "late");
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(end);
      this.#listener.counted();
    });
  }

  /** Ends all waits with one outcome; returns how many there were. */
  release(outcome: HoldOutcome): number {
    const count = this.count;
    for (const end of [...this.#waiting]) end(outcome);
    return count;
  }
}
