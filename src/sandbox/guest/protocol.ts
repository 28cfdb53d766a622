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

/** Bytes of a session's input or output that may be under way before the receiver has granted more. */
export const EXEC_WINDOW = 256 * 1024;
/** Bytes of input or output in one `exec.*` frame. */
export const EXEC_CHUNK = 64 * 1024;
/** Programs that the host may have started inside at once. */
export const MAX_SESSIONS = 8;
/** Names by which an agent may call the model that its conversation's people chose. */
export const MODEL_ALIAS = /^choice-(\d|1[0-5])$/;
/** Entries of one `file.list` answer. */
export const LIST_PAGE = 200;

/** A file or directory of the home. */
export interface GuestFile {
  /** Relative to the listed directory. */
  path: string;
  kind: "file" | "directory" | "other";
  /** Bytes; 0 for what is no file. */
  size: number;
  /** Permission bits, without setuid, setgid and sticky. */
  mode: number;
}

/** What became of a recording: its words (`cut`: the first of many), or the gateway's code for why there are none. */
export type Transcript = { text: string; cut?: boolean } | { failed: string };

/** Signals that a session may be sent. */
export type ExecSignal = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGQUIT" | "SIGKILL";

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
  /** A message that was sent to the running turn: the agent has it (`taken`), or won't get it here. */
  | { kind: "steer"; steer: number; taken: boolean }
  /** OpenClaw waits for a person's word before it runs this command; answered by `answer`. */
  | { kind: "ask"; ask: string; command: string; cwd: string; always: boolean }
  /** It waits no more. */
  | { kind: "ask-over"; ask: string }
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

/** OpenClaw's own words for what a person may say to a command. */
export type CommandDecision = "allow-once" | "allow-always" | "deny";

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
  | {
      type: "ack";
      id: number;
      ok: true;
      turn?: GuestTurn;
      size?: number;
      data?: string;
      eof?: boolean;
      /** Where a file was put, or what was moved where. */
      path?: string;
      files?: GuestFile[];
      transcript?: Transcript;
      /** The file's or the new name's permission bits. */
      mode?: number;
    }
  | { type: "ack"; id: number; ok: false; error: GuestError; message: string }
  | { type: "event"; turnId: string; fence: number; seq: number; event: TurnEvent }
  | { type: "agent"; state: AgentState; detail: string; ms?: number }
  /** Files that changed while the host asked for it (`watch`); `more` were left out. */
  | { type: "files"; changes: FileChange[]; more: number }
  /** What a session's program wrote; `stream` 1 or 2, with a terminal always 1. */
  | { type: "exec.out"; session: string; stream: number; data: string }
  /** That many bytes of input were taken: as many more may be sent. */
  | { type: "exec.took"; session: string; bytes: number }
  /** The session is over; nothing follows. `code` is 128 + signal when a signal ended the program. */
  | { type: "exec.end"; session: string; code: number }
  | { type: "pong"; n: number }
  | { type: "log"; level: "info" | "warn" | "error"; message: string };

/** Why a command was refused. */
export type GuestError =
  | "stale-fence"
  | "unknown-turn"
  | "not-steerable"
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
      /** What the agent is to call the model that was chosen for its conversation (MODEL_ALIAS); absent: its own. */
      model?: string;
    }
  | { type: "cancel"; id: number; turnId: string; fence: number }
  /**
   * A message for a running turn, put before its agent at the next step; idempotent by turn and `steer`. What the agent
   * answers to it is part of the turn's `final`. `not-steerable`: the turn is over, or its agent can't take it.
   */
  | { type: "steer"; id: number; turnId: string; fence: number; steer: number; text: string }
  /** What a person said to an `ask` of a running turn. One that is over already is no error. */
  | { type: "answer"; id: number; turnId: string; fence: number; ask: string; decision: CommandDecision }
  /** Replays events after `afterSeq` and goes on sending. */
  | { type: "attach"; id: number; turnId: string; fence: number; afterSeq: number }
  /** Events up to `seq` are stored: the journal may forget them. */
  | { type: "received"; turnId: string; seq: number }
  /**
   * File work, paths relative to the home, never followed through symlinks. The file appears under its name with the last
   * piece. `fresh`: never over another file; one that has the very same bytes is taken for it, else `name (2).ext` is
   * found and acked as `path`. Pieces of one file come one after the other.
   */
  | {
      type: "file.put";
      id: number;
      path: string;
      offset: number;
      data: string;
      last: boolean;
      fresh?: boolean;
      mode?: number;
    }
  /** The rest won't come: what was put so far goes. */
  | { type: "file.drop"; id: number; path: string }
  /** Acked with `size`, `mode`, `data`, `eof`. */
  | { type: "file.get"; id: number; path: string; offset: number }
  /** Tell files that change in the home, for so long. No answer: a guest that doesn't know it says nothing. */
  | { type: "watch"; ms: number }
  /**
   * What is below `path` ("" = the home), the directory's own entries or all of them, sorted, `after` that path; at most
   * LIST_PAGE. `eof` when there is no more. A file itself is listed as its own name.
   */
  | { type: "file.list"; id: number; path: string; recursive: boolean; after: string }
  /**
   * Takes what lies in `outbox/` for this turn: moved to `outbox/.sent/<turnId>/`, so that a worker that comes after a
   * crash finds the same files. While another turn may own some, only those that the answer names. Acked with those files (plain files only, names without a directory).
   */
  | { type: "outbox.take"; id: number; turnId: string }
  /** The answer with them is stored: they may go. */
  | { type: "outbox.forget"; id: number; turnId: string }
  /** Has the gateway turn a recording of the home into text. Acked with `transcript`; that may take a minute. */
  | { type: "transcribe"; id: number; path: string; mime: string }
  /**
   * Runs a program for the operator, caged as the agent is (stage: Landlock, seccomp). `argv` empty = an interactive shell.
   * `cwd` relative to the home or absolute. Only variables of a list are taken from `env`. With `tty` its input, output
   * and errors are one terminal. At most EXEC_WINDOW bytes of output come before `exec.took` grants more.
   * The session ends with the program, and with the connection that it was opened on: then everything it started is
   * hung up on and killed.
   */
  | {
      type: "exec";
      id: number;
      session: string;
      argv: string[];
      cwd?: string;
      env?: Record<string, string>;
      tty?: { columns: number; rows: number };
    }
  /** Input; at most EXEC_WINDOW bytes that the guest hasn't said it `took`. `eof`: no more follows. */
  | { type: "exec.in"; session: string; data: string; eof?: boolean }
  | { type: "exec.took"; session: string; bytes: number }
  | { type: "exec.size"; session: string; columns: number; rows: number }
  /** To the program's process group. With a terminal any signal hangs up: keys are input. */
  | { type: "exec.signal"; session: string; signal: ExecSignal }
  /** Ends it and all that it started. */
  | { type: "exec.close"; session: string }
  /** Drop connections that would break in a pause; acked when the sandbox may be stopped in place. */
  | { type: "quiesce"; id: number }
  /** End the agent, then PID 1. */
  | { type: "shutdown"; id: number };
