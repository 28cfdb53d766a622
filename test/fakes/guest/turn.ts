/** A turn of the fake guest, and how it refuses a command. */
import type { GuestError, GuestTurn, ToGuest, TurnEvent } from "../../../src/sandbox/guest/protocol.ts";

export type Run = Extract<ToGuest, { type: "run" }>;

/** A turn in the fake. */
export interface FakeTurn {
  command: Run;
  fence: number;
  done: boolean;
  cancelled: boolean;
  killed: boolean;
  journal: { seq: number; event: TurnEvent }[];
  lastSeq: number;
}

/** A command that the guest refuses. */
export class Refused extends Error {
  readonly code: GuestError;
  constructor(code: GuestError, message: string) {
    super(message);
    this.code = code;
  }
}

/** A turn as the host is told it. */
export function describe(turn: FakeTurn): GuestTurn {
  return {
    turnId: turn.command.turnId,
    fence: turn.fence,
    state: turn.done ? "done" : "running",
    lastSeq: turn.lastSeq,
  };
}
