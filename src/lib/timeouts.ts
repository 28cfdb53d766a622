/**
 * The single table of limits in time (RELIABILITY §7), in milliseconds.
 * `test/lib/timeouts.test.ts` checks that each outer limit exceeds the sum of its inner ones.
 * Printed by `nemoclaw status --timeouts`.
 */
export const TIMEOUTS = {
  /** One ingress script, reply included. */
  ingressScript: 2_000,
  /** A Discord interaction must be deferred within this (platform limit 3 s). */
  interaction: 2_500,
  /** Life of a turn's lease after a grant or a renewal. */
  lease: 3_000,
  /** How often a lease is renewed. */
  leaseRenew: 1_000,
  /** A holder stops acting this long after its last successful renewal (2/3 of the lease). */
  leaseStop: 2_000,
  /** Control socket: ping interval. */
  heartbeat: 2_000,
  /** Control socket: silence after which the peer is taken for gone. */
  heartbeatLost: 6_000,
  /** Control socket: connection to hello. */
  controlHello: 5_000,
  /** A home is watched for changed files this long after somebody looked (`openshell term`). */
  homeWatch: 30_000,
  /** Control socket: command to its ack; progress comes as events. */
  controlAck: 5_000,
  /** All files of one answer are fetched from the sandbox within this; what isn't there then is left out. */
  collectFiles: 180_000,
  /** A guest that breaks the protocol finds no socket for this long. */
  controlBan: 5_000,
  /** A guest that runs but doesn't dial is stopped after this. */
  guestUnreachable: 20_000,
  /** What needs a launcher that doesn't answer (it is being restarted) fails after this. */
  launcherAnswer: 30_000,
  /** From cold or parked to an agent that takes a turn. */
  waking: 60_000,
  /** The user is told "waking up" when waking takes longer than this. */
  wakingNotice: 2_000,
  /** Router → model vendor: TCP and TLS. */
  modelConnect: 5_000,
  /** Router → model vendor: request sent to first byte of the answer's body. */
  modelFirstByte: 60_000,
  /** Router → model vendor: silence between chunks. */
  modelIdle: 60_000,
  /** Router → model vendor: whole call. */
  modelTotal: 600_000,
  /** Router's retries before the first byte end within this with a final error (below OpenClaw's own retry). */
  routerFinalError: 20_000,
  /** Router: speech into text, the whole call. */
  transcription: 60_000,
  /** Worker: speech into text, asked of the guest. */
  transcriptionAck: 70_000,
  /** A held connection waits for a tap at most this long. */
  hold: 45_000,
  /** A card that nobody taps ends after this. */
  decide: 900_000,
  /** "Once" after the hold: the next try must come within this. */
  nextTry: 120_000,
  /** What a single grant opened ends with its turn, at the latest after this. */
  onceTunnel: 600_000,
  /** A session grant ends with /new, at the latest after this. */
  sessionGrant: 43_200_000,
  /** A pairing or link code counts this long; wrong codes are forgotten after it. */
  code: 600_000,
  /** A claim code from the terminal counts this long. */
  claimCode: 3_600_000,
  /** An admin may decide this long about somebody who asked to be let in; whoever was refused is quiet as long. */
  pairingRequest: 86_400_000,
  /** Running time of a turn, held time excluded. */
  turn: 900_000,
  /** Held time that a turn may add to its running time. */
  turnHeld: 1_800_000,
  /** A cancelled agent run must have stopped by itself within this. */
  cancelSoft: 1_000,
  /** After this a cancelled run's processes are killed. */
  cancelKill: 3_000,
  /** Drain: finish or detach turns. */
  drainTurns: 30_000,
  /** Drain: flush the outbox. */
  drainOutbox: 10_000,
  /** A worker's and a bridge's sweeper, and every poll behind a pub/sub hint. */
  sweep: 1_000,
  /** How often bridges look at how full Redis is. */
  memoryLook: 2_000,
  /** What an operator's session may do ends with it, at the latest this long after its worker died. */
  shellContext: 1_200_000,
  /** Streamed drafts: at most one edit of a message in this time. */
  draftEdit: 1_000,
} as const;

/** A name in the table. */
export type TimeoutName = keyof typeof TIMEOUTS;
