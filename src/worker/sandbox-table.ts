/**
 * The states of one principal's agent as a pure table: cold → waking → warm ⇄ parking/parked → cold (DESIGN §4).
 * Parking is a state of its own: a claim that comes meanwhile wakes the agent as soon as it is done.
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

const TABLE: Record<AgentPhase, Partial<Record<AgentInput, AgentPhase>>> = {
  cold: { wanted: "waking" },
  waking: { ready: "warm", "wake-failed": "cold", gone: "cold" },
  // Warm by name and wanted: its connection or its agent is gone, so it is looked at again.
  warm: { wanted: "waking", idle: "parking", "stop-due": "cold", gone: "cold" },
  parking: { parked: "parked", "not-parked": "warm", gone: "cold" },
  parked: { wanted: "waking", "stop-due": "cold", gone: "cold" },
};

/** The next phase; undefined when the input means nothing in this one. */
export function nextAgentPhase(phase: AgentPhase, input: AgentInput): AgentPhase | undefined {
  return TABLE[phase][input];
}

/** What the launcher says of an end → what the turns inside are told. */
export const STOP_CODES: Record<string, string> = {
  oom: "out-of-memory",
  disk: "disk-full",
  asked: "agent-stopped",
};
