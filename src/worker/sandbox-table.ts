/**
 * The states of one principal's agent as a pure table: cold → waking → warm ⇄ parking/parked → cold (DESIGN §4).
 * Parking is a transition of its own: a claim that comes meanwhile wakes the agent as soon as it is done.
 */

/** Where an agent is, as its worker sees it. */
export type AgentPhase = "cold" | "waking" | "warm" | "parking" | "parked";

/** What may happen to it. */
export type AgentInput =
  /** A turn, or a prediction of one, wants it. */
  | "wanted"
  | "ready"
  | "wake-failed"
  /** Idle for long enough, and nobody holds it. */
  | "idle"
  | "parked"
  /** Something runs inside, a claim came, or this host can't park. */
  | "not-parked"
  /** Idle for too long, or memory is short. */
  | "stop-due"
  /** Its life ended. */
  | "gone";

/** What is to be done. */
export type AgentDeed = "wake" | "park" | "stop";

const TABLE: Record<AgentPhase, Partial<Record<AgentInput, { phase: AgentPhase; deed?: AgentDeed }>>> = {
  cold: { wanted: { phase: "waking", deed: "wake" } },
  waking: { ready: { phase: "warm" }, "wake-failed": { phase: "cold" }, gone: { phase: "cold" } },
  warm: {
    // Warm by name, but its connection or its agent is gone: looked at again.
    wanted: { phase: "waking", deed: "wake" },
    idle: { phase: "parking", deed: "park" },
    "stop-due": { phase: "cold", deed: "stop" },
    gone: { phase: "cold" },
  },
  parking: { parked: { phase: "parked" }, "not-parked": { phase: "warm" }, gone: { phase: "cold" } },
  parked: {
    wanted: { phase: "waking", deed: "wake" },
    "stop-due": { phase: "cold", deed: "stop" },
    gone: { phase: "cold" },
  },
};

/** The next phase and deed; undefined when the input means nothing in this phase. */
export function nextAgentPhase(
  phase: AgentPhase,
  input: AgentInput,
): { phase: AgentPhase; deed?: AgentDeed } | undefined {
  return TABLE[phase][input];
}
