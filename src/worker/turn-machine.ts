/**
 * The life of one claimed turn as a pure table: phase × event → next phase and effects (RELIABILITY §2–3).
 * The runner carries effects out and reports back by events. Here is decided what may be started, attached or settled;
 * nothing here waits, sends or stores.
 */

/** Where a claimed turn is, seen from the worker that holds it. */
export type Phase =
  /** Just claimed. */
  | "claimed"
  /** Recovered after a dispatch: does the life that it was given to still run? */
  | "locating"
  /** Waiting for a warm agent. */
  | "acquiring"
  /** `dispatching` is being stored. */
  | "dispatching"
  /** `run` was sent, its ack is awaited. */
  | "starting"
  /** Recovered: asking the guest for the turn. */
  | "attaching"
  | "running"
  /** Cancel was sent. */
  | "stopping"
  | "settling"
  | "ended";

/** Why a running turn is being stopped. */
export type StopReason = "user" | "time-limit";

/** What the machine remembers. */
export interface Machine {
  phase: Phase;
  /** Recovered in state `running`: the guest had acknowledged it. */
  wasRunning: boolean;
  /** A further start is allowed. */
  mayStart: boolean;
  stop?: StopReason;
}

/** How a turn ends. `text` comes from the guest, codes from us (or, cleaned, from the guest). */
export type Ending =
  | { outcome: "answered"; text: string }
  | { outcome: "failed"; code: string; detail?: string }
  | { outcome: "interrupted" }
  | { outcome: "cancelled" };

/** What may happen. */
export type TurnInput =
  /** First event. `state` as stored before this claim. */
  | { type: "begin"; state: "accepted" | "dispatching" | "running"; mayStart: boolean }
  | { type: "located"; sameLife: boolean }
  | { type: "acquired" }
  | { type: "not-acquired"; code: string }
  | { type: "dispatched"; mayStart: boolean }
  | { type: "run-acked" }
  | { type: "refused"; code: string; detail?: string }
  | { type: "attached" }
  | { type: "unknown-turn" }
  /** A connection of the same life is back. */
  | { type: "up" }
  | { type: "final"; text: string }
  | { type: "agent-failed"; code: string; detail?: string }
  | { type: "agent-cancelled" }
  | { type: "gone"; code: string }
  | { type: "cancel" }
  | { type: "time-limit" }
  | { type: "kill-due" }
  | { type: "lease-lost" }
  | { type: "settled" };

/** What the runner is to do. */
export type Effect =
  | { do: "locate" }
  | { do: "acquire" }
  /** Store `dispatching`; not before that may `run` be sent. */
  | { do: "store-dispatching" }
  | { do: "send-run" }
  /** Store `running`; not before the guest's ack. */
  | { do: "store-running" }
  | { do: "send-attach" }
  /** Sends cancel and starts the clock of `kill-due`. */
  | { do: "send-cancel" }
  | { do: "kill-agent" }
  | { do: "settle"; ending: Ending }
  /** Stop acting, leave everything as it is: somebody else may hold the turn. */
  | { do: "detach" }
  /** Settled: the guest may forget. */
  | { do: "forget" };

/** What follows from one event. */
export interface Step {
  machine: Machine;
  effects: Effect[];
}

type Row = Partial<{ [T in TurnInput["type"]]: (m: Machine, e: Extract<TurnInput, { type: T }>) => Step }>;

/** The machine of a turn that was just claimed. */
export function newMachine(): Machine {
  return { phase: "claimed", wasRunning: false, mayStart: true };
}

const to = (m: Machine, phase: Phase, ...effects: Effect[]): Step => ({ machine: { ...m, phase }, effects });
const settle = (m: Machine, ending: Ending): Step => to(m, "settling", { do: "settle", ending });
const failed = (code: string, detail?: string): Ending => ({
  outcome: "failed",
  code,
  ...(detail === undefined ? {} : { detail }),
});

/** An ending of the turn itself; what a stop was asked for prevails over how the agent put it. */
const ended = (m: Machine, ending: Ending): Step => {
  if (m.stop === "user") return settle(m, { outcome: "cancelled" });
  if (m.stop === "time-limit") return settle(m, failed("time-limit"));
  return settle(m, ending);
};

/** A start is due: once more than allowed, and the turn is poison. */
const startOr = (m: Machine, next: (m: Machine) => Step): Step =>
  m.mayStart ? next(m) : settle(m, failed("poison"));

const stop = (reason: StopReason) => (m: Machine) =>
  to({ ...m, stop: m.stop ?? reason }, "stopping", { do: "send-cancel" });
const rememberStop = (m: Machine): Step => to({ ...m, stop: "user" }, m.phase);

/** What a guest may say of a turn that it was given. */
const GUEST: Row = {
  final: (m, e) => ended(m, { outcome: "answered", text: e.text }),
  "agent-failed": (m, e) => ended(m, failed(e.code, e.detail)),
  "agent-cancelled": (m) => ended(m, { outcome: "cancelled" }),
  gone: (m, e) => ended(m, failed(e.code)),
};

const TABLE: Record<Phase, Row> = {
  claimed: {
    begin: (m, e) => {
      const known = { ...m, mayStart: e.mayStart, wasRunning: e.state === "running" };
      if (e.state !== "accepted") return to(known, "locating", { do: "locate" });
      return startOr(known, (k) => to(k, "acquiring", { do: "acquire" }));
    },
  },
  locating: {
    located: (m, e) =>
      e.sameLife ? to(m, "attaching", { do: "send-attach" }) : ended(m, { outcome: "interrupted" }),
    cancel: rememberStop,
  },
  acquiring: {
    acquired: (m) => to(m, "dispatching", { do: "store-dispatching" }),
    "not-acquired": (m, e) => ended(m, failed(e.code)),
    cancel: (m) => ended({ ...m, stop: "user" }, { outcome: "cancelled" }),
  },
  dispatching: {
    dispatched: (m, e) => {
      const known = { ...m, mayStart: e.mayStart };
      // Nothing was sent yet, so there is nothing to stop.
      if (m.stop) return ended(known, { outcome: "cancelled" });
      return to(known, "starting", { do: "send-run" });
    },
    gone: (m, e) => ended(m, failed(e.code)),
    cancel: rememberStop,
  },
  starting: {
    ...GUEST,
    "run-acked": (m) => to(m, "running", { do: "store-running" }),
    refused: (m, e) => ended(m, failed(e.code, e.detail)),
    // `run` is idempotent by turnId: the same one again starts nothing twice.
    up: (m) => to(m, "starting", { do: "send-run" }),
    cancel: stop("user"),
    "time-limit": stop("time-limit"),
  },
  attaching: {
    ...GUEST,
    attached: (m) =>
      m.stop
        ? to(m, "stopping", { do: "send-cancel" })
        : to(m, "running", ...(m.wasRunning ? [] : [{ do: "store-running" } as const])),
    // Never acknowledged and unknown to the same life: it was never started, so it may be.
    "unknown-turn": (m) => {
      if (m.stop || m.wasRunning) return ended(m, { outcome: "interrupted" });
      return startOr(m, (k) => to(k, "acquiring", { do: "acquire" }));
    },
    refused: (m, e) => ended(m, failed(e.code, e.detail)),
    up: (m) => to(m, "attaching", { do: "send-attach" }),
    cancel: stop("user"),
    "time-limit": stop("time-limit"),
  },
  running: {
    ...GUEST,
    "unknown-turn": (m) => ended(m, failed("agent-crashed")),
    refused: (m, e) => ended(m, failed(e.code, e.detail)),
    up: (m) => to(m, "running", { do: "send-attach" }),
    cancel: stop("user"),
    "time-limit": stop("time-limit"),
  },
  stopping: {
    ...GUEST,
    // The run never arrived.
    "unknown-turn": (m) => ended(m, { outcome: "cancelled" }),
    up: (m) => to(m, "stopping", { do: "send-cancel" }),
    "kill-due": (m) => {
      const step = ended(m, { outcome: "cancelled" });
      return { ...step, effects: [{ do: "kill-agent" }, ...step.effects] };
    },
  },
  settling: {
    settled: (m) => to(m, "ended", { do: "forget" }),
  },
  ended: {},
};

/** The next state and what is to be done. An event that means nothing in this phase changes nothing. */
export function step(machine: Machine, input: TurnInput): Step {
  if (input.type === "lease-lost" && machine.phase !== "ended") return to(machine, "ended", { do: "detach" });
  const row = TABLE[machine.phase][input.type] as ((m: Machine, e: TurnInput) => Step) | undefined;
  return row ? row(machine, input) : { machine, effects: [] };
}
