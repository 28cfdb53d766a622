/** Limits in time inside the guest, in milliseconds. The host's table is `src/lib/timeouts.ts`; a test compares both. */
export const LIMITS = {
  /** From start of the agent's process to a finished login. The host gives up on a turn earlier, this ends a hung start. */
  start: 120_000,
  /** A start waits this long for the gateway's socket, so as to find what it wrote beside it. */
  gatewayWait: 1_500,
  /** The warm-up turn. */
  warmup: 30_000,
  /** Speech into text: the gateway's own limit is a little shorter. */
  transcription: 65_000,
  /** A new gateway is waited for this long to let go of what it resumed by itself. */
  brokenRuns: 8_000,
  /** How often readiness is asked. */
  poll: 150,
  /** Attempts to start before `failed`, and the pause before the second; it doubles. */
  startAttempts: 3,
  startPause: 500,
  /** A cancelled run has ended by itself within this, else its tools are killed. */
  cancelSoft: 1_000,
  /** Then the agent itself. */
  cancelKill: 3_000,
  /** From SIGTERM to SIGKILL of the agent. */
  stop: 5_000,
  /** A session of the operator that is closed: from SIGHUP to SIGKILL. */
  hangUp: 1_000,
  /** What a session's program left running is killed this long after its end. */
  leftOver: 200,
  /** Silence of the host after which the connection is taken for dead. */
  hostSilent: 6_000,
  /** Redial of control.sock: first and longest pause. */
  redialMin: 100,
  redialMax: 1_000,
  /** A host of another version is asked again after this. */
  redialRefused: 30_000,
  /** After `quiesce` the guest stays off the sockets for this long, unless it is stopped meanwhile. */
  quiet: 2_000,
} as const;
