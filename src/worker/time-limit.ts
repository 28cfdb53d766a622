/**
 * A turn's limit in time: running time counts, also that under former owners; waiting for an agent, a place or a person
 * doesn't. Says once that it is over; what follows is the turn's business.
 */
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { ApprovalPort, TurnRecord } from "../store/index.ts";
import { heldMs } from "./held-time.ts";

/** The clock of one turn. */
export class TimeLimit {
  readonly #approvals: Pick<ApprovalPort, "list">;
  readonly #over: () => void;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(approvals: Pick<ApprovalPort, "list">, over: () => void) {
    this.#approvals = approvals;
    this.#over = over;
  }

  /** Starts with what the record says has run before; later calls change nothing. */
  start(turn: TurnRecord): void {
    const ranMs = turn.startedAt > 0 ? turn.claimedAt - turn.startedAt : 0;
    const leftMs = Math.max(0, TIMEOUTS.turn - ranMs);
    this.#timer ??= setTimeout(() => void this.#due(turn, 0), leftMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Time in which a person was asked is given back, up to a bound. */
  async #due(turn: TurnRecord, givenMs: number): Promise<void> {
    const records = await this.#approvals.list(turn.principal).catch(() => []);
    if (this.#closed) return;
    const held = Math.min(heldMs(records, turn.turnId, Date.now()), TIMEOUTS.turnHeld);
    if (held <= givenMs) this.#over();
    else this.#timer = setTimeout(() => void this.#due(turn, held), held - givenMs);
  }
}
