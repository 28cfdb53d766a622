/**
 * control.sock v1 (RELIABILITY §3): host ⇄ guest. The guest dials, the host answers.
 * A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, at most {@link MAX_FRAME}.
 * Types only plus constants: the guest runs without node_modules, so the host's zod schemas live in
 * `src/worker/control/schema.ts` and are checked against these types by `tsc`.
 */

/** Protocol version. A host refuses another major version by name. */
export const CONTROL_VERSION = 1;
/** Bytes of JSON in one frame. */
export const MAX_FRAME = 256 * 1024;
/** Bytes of file content in one `file.*` frame (base64 makes 4/3 of it). */
export const FILE_CHUNK = 96 * 1024;
/** Bytes of unacknowledged events that the guest keeps per turn; older text deltas are compacted into one. */
export const JOURNAL_BYTES = 4 * 1024 * 1024;

/** What the agent inside is doing. `oneshot` = warm gateway stopped, no turn can be taken warm until `warm`. */
export type AgentState = "cold" | "waking" | "warm" | "busy" | "failed";

/** What happened in a turn. Text is the agent's words, never instructions to the host. */
export type TurnEvent =
  | { kind: "started" }
  /** Text to append to what the user sees so far. */
  | { kind: "delta"; text: string }
  /** The text so far is replaced (the agent rewrote its draft, or the journal was compacted). */
  | { kind: "text"; text: string }
  | {
      kind: "tool";
      phase: "start" | "update" | "end";
      id: string;
      name: string;
      summary: string;
      ok?: boolean;
    }
  /** Tokens as the agent claims them: shown, never billed from. */
  | { kind: "usage"; input: number; output: number }
  | { kind: "final"; text: string }
  | { kind: "failed"; code: string; message: string; retryable: boolean }
  | { kind: "cancelled" };

/** A file of the home that changed; the path is relative to the home. */
export interface FileChange {
  op: "create" | "write" | "delete";
  path: string;
}

/** A turn as the guest remembers it, in `hello` and `attached`. */
export interface GuestTurn {
  turnId: string;
  fence: number;
  state: "running" | "done";
  /** Highest event seq made so far. */
  lastSeq: number;
}

/** Guest → host. */
export type FromGuest =
  | {
      type: "hello";
      v: number;
      sandbox: string;
      bootId: string;
      agent: AgentState;
      /** Highest fence seen; informative. */
      fence: number;
      turns: GuestTurn[];
    }
  /** Answer to the command with that id. `error` is a code from {@link GuestError}. */
  | { type: "ack"; id: number; ok: true; turn?: GuestTurn; size?: number; data?: string; eof?: boolean }
  | { type: "ack"; id: number; ok: false; error: GuestError; message: string }
  | { type: "event"; turnId: string; fence: number; seq: number; event: TurnEvent }
  | { type: "agent"; state: AgentState; detail: string; ms?: number }
  /** Files that changed while the host asked for it (`watch`); `more` were left out. */
  | { type: "files"; changes: FileChange[]; more: number }
  | { type: "pong"; n: number }
  | { type: "log"; level: "info" | "warn" | "error"; message: string };

/** Why a command was refused. */
export type GuestError =
  | "stale-fence"
  | "unknown-turn"
  | "busy"
  | "agent-failed"
  | "bad-command"
  | "file-error"
  | "too-large";

/**
 * Host → guest. `id` is answered by exactly one `ack`. Commands of a turn carry turnId and fence. Fences count per
 * conversation, and a sandbox may serve several at once: a command with a lower fence than the highest seen *for its
 * sessionKey* (cancel, attach: for its turn) is `stale-fence`. The highest fence of a sessionKey is remembered after its
 * turn was forgotten, so that a worker that slept can't start a finished turn again.
 */
export type ToGuest =
  | { type: "welcome"; v: number }
  | { type: "ping"; n: number }
  /** Start the warm agent now; acked at once, progress by `agent`. */
  | { type: "warm"; id: number }
  /**
   * Start a turn; idempotent by turnId (also OpenClaw's idempotencyKey). Waits inside for a waking agent.
   * `sessionKey` is `<conversation>:<session>`: the same key continues, another starts anew. One turn at a time per key
   * (`busy`). Fences are compared within a conversation, the part before the last colon; turn commands against the turn.
   */
  | {
      type: "run";
      id: number;
      turnId: string;
      fence: number;
      sessionKey: string;
      text: string;
      mode: "warm" | "oneshot";
      timeoutMs: number;
    }
  | { type: "cancel"; id: number; turnId: string; fence: number }
  /** Replays events after `afterSeq` and goes on sending. */
  | { type: "attach"; id: number; turnId: string; fence: number; afterSeq: number }
  /** Events up to `seq` are stored: the journal may forget them. */
  | { type: "received"; turnId: string; seq: number }
  /** File work, paths relative to the home, never followed through symlinks out of it. */
  | { type: "file.put"; id: number; path: string; offset: number; data: string; last: boolean }
  | { type: "file.get"; id: number; path: string; offset: number }
  /** Tell files that change in the home, for so long. No answer: a guest that doesn't know it says nothing. */
  | { type: "watch"; ms: number }
  /** Drop connections that would break in a pause; acked when the sandbox may be stopped in place. */
  | { type: "quiesce"; id: number }
  /** End the agent, then PID 1. */
  | { type: "shutdown"; id: number };
