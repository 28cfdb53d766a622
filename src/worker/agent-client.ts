/**
 * Speaks control.sock v1 with one sandbox's guest: commands out, acks matched by id, events to the turn that listens.
 * Everything heard is a claim of the sandbox: events reach only the turn they name, and only if this worker runs it
 * in this very sandbox. Never decides about turns.
 */
import { Fault } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import type { Logger } from "../lib/logging.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type {
  AgentState,
  CommandDecision,
  FileChange,
  FromGuest,
  GuestFile,
  ToGuest,
  Transcript,
  TurnEvent,
} from "../sandbox/index.ts";
import { TokenBucket } from "./control/bucket.ts";
import type { ControlHandler, ControlPort } from "./control/hub.ts";
import type { GuestFrame } from "./control/messages.ts";
import type { HelloFrame } from "./control/schema.ts";
import { type ExecListener, ExecSession } from "./exec-session.ts";

/** A successful answer. */
export type GuestAck = Extract<FromGuest, { type: "ack"; ok: true }>;
type Refusal = Extract<FromGuest, { type: "ack"; ok: false }>;
/** A command that is answered, without its id. */
type Command = DistributiveOmit<Extract<ToGuest, { id: number }>, "id">;
type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;

/** How a turn hears its agent. */
export interface TurnListener {
  event(seq: number, event: TurnEvent): void;
  /** A new connection of the same life: commands may be sent again. */
  up(): void;
  /** The sandbox's life ended; nothing more will come. Code: `out-of-memory`, `agent-crashed` … */
  gone(code: string): void;
}

/** What the manager of sandboxes hears. */
export interface AgentWatcher {
  changed(): void;
  /** Files that the sandbox says have changed. */
  files(changes: readonly FileChange[], more: number): void;
}

/** Lines of our log that a guest may fill: a flood must not push out what others said. */
const WORDS = { perSecond: 2, burst: 100 };

interface Pending {
  resolve(ack: GuestAck): void;
  reject(error: Fault): void;
  timer: NodeJS.Timeout;
}

interface Subscription {
  listener: TurnListener;
  /** Highest seq handed on: replays are dropped here. */
  seq: number;
}

/** See the module's header. */
export class AgentClient implements ControlHandler {
  readonly sandboxId: string;
  readonly #port: ControlPort;
  readonly #log: Logger;
  readonly #watcher: AgentWatcher;
  readonly #pending = new Map<number, Pending>();
  readonly #turns = new Map<string, Subscription>();
  readonly #execs = new Map<string, ExecSession>();
  #conn = 0;
  #bootId = "";
  #agent: AgentState = "cold";
  #nextId = 1;
  readonly #words = new TokenBucket(WORDS, performance.now());
  #unsaid = 0;

  constructor(options: { sandboxId: string; port: ControlPort; log: Logger; watcher: AgentWatcher }) {
    this.sandboxId = options.sandboxId;
    this.#port = options.port;
    this.#log = options.log;
    this.#watcher = options.watcher;
  }

  get connected(): boolean {
    return this.#conn !== 0;
  }

  /** Life of the guest that spoke last. */
  get bootId(): string {
    return this.#bootId;
  }

  get agent(): AgentState {
    return this.#agent;
  }

  // — commands —

  /** Starts the warm agent; acked at once, progress shows in {@link agent}. */
  async warm(): Promise<void> {
    // What failed before is tried anew: only what is heard from now on counts.
    if (this.#agent === "failed") this.#agent = "waking";
    await this.#ask({ type: "warm" });
  }

  run(command: {
    turnId: string;
    fence: number;
    sessionKey: string;
    text: string;
    mode: "warm" | "oneshot";
    timeoutMs: number;
    model?: string;
  }): Promise<GuestAck> {
    return this.#ask({ type: "run", ...command });
  }

  cancel(turnId: string, fence: number): Promise<GuestAck> {
    return this.#ask({ type: "cancel", turnId, fence });
  }

  /** Puts a message before the agent of a running turn. Rejects with `guest-not-steerable` when it takes none. */
  steer(turnId: string, fence: number, steer: number, text: string): Promise<GuestAck> {
    return this.#ask({ type: "steer", turnId, fence, steer, text });
  }

  /** What a person said to a command's question. */
  answer(turnId: string, fence: number, ask: string, decision: CommandDecision): Promise<GuestAck> {
    return this.#ask({ type: "answer", turnId, fence, ask, decision });
  }

  /** Asks for the events after what was handed on already (all of them for a new listener). */
  attach(turnId: string, fence: number): Promise<GuestAck> {
    return this.#ask({ type: "attach", turnId, fence, afterSeq: this.#turns.get(turnId)?.seq ?? 0 });
  }

  /** The turn is settled: the guest may forget its journal. Best effort; the journal is bounded anyway. */
  received(turnId: string, seq: number): void {
    if (this.connected) this.#port.send(this.sandboxId, this.#conn, { type: "received", turnId, seq });
  }

  /** Closes what would break in a pause. Rejects with `guest-busy` when a turn runs, also one that no worker hears. */
  async quiesce(): Promise<void> {
    await this.#ask({ type: "quiesce" });
  }

  /** Asks for the files that change in the home during the next `ms`. */
  watchFiles(ms: number): void {
    if (this.connected) this.#port.send(this.sandboxId, this.#conn, { type: "watch", ms });
  }

  async shutdown(): Promise<void> {
    await this.#ask({ type: "shutdown" });
  }

  /** One piece of a file, each way; whole files: `files.ts`. */
  putChunk(piece: Omit<Extract<ToGuest, { type: "file.put" }>, "type" | "id">): Promise<GuestAck> {
    return this.#ask({ type: "file.put", ...piece });
  }

  /** What was put of a file so far goes. Best effort. */
  dropChunks(path: string): void {
    this.#ask({ type: "file.drop", path }).catch(() => {});
  }

  getChunk(path: string, offset: number): Promise<GuestAck> {
    return this.#ask({ type: "file.get", path, offset });
  }

  /** One page of what lies below `path`. */
  async listFiles(
    path: string,
    recursive: boolean,
    after: string,
  ): Promise<{ files: GuestFile[]; eof: boolean }> {
    const { files = [], eof = true } = await this.#ask({ type: "file.list", path, recursive, after });
    return { files, eof };
  }

  /** What the agent wants to send, moved out of the outbox for this turn. A guest of an older version has none. */
  async takeOutbox(turnId: string): Promise<GuestFile[]> {
    return (await this.#ask({ type: "outbox.take", turnId })).files ?? [];
  }

  /** Those are on their way for good. Best effort. */
  forgetOutbox(turnId: string): void {
    this.#ask({ type: "outbox.forget", turnId }).catch(() => {});
  }

  /** The words of a recording in the home. A guest of an older version knows none. */
  async transcribe(path: string, mime: string): Promise<Transcript> {
    const ack = await this.#ask({ type: "transcribe", path, mime }, TIMEOUTS.transcriptionAck);
    return ack.transcript ?? { failed: "internal" };
  }

  /** Starts a program inside; rejects with `guest-…` when it can't be. `argv` empty: the shell. */
  async exec(
    command: Omit<Extract<ToGuest, { type: "exec" }>, "type" | "id" | "session">,
    listener: ExecListener,
  ): Promise<ExecSession> {
    const session = newId("x");
    const conn = this.#conn;
    const exec = new ExecSession(session, (frame) => this.#port.send(this.sandboxId, conn, frame), listener);
    this.#execs.set(session, exec);
    try {
      await this.#ask({ type: "exec", session, ...command });
      return exec;
    } catch (error) {
      this.#execs.delete(session);
      throw error;
    }
  }

  // — turns —

  /** Hands the turn's events to `listener`, each seq once. Returns the unsubscriber. */
  listen(turnId: string, listener: TurnListener): () => void {
    const subscription = { listener, seq: 0 };
    this.#turns.set(turnId, subscription);
    return () => {
      if (this.#turns.get(turnId) === subscription) this.#turns.delete(turnId);
    };
  }

  /** The launcher saw this life end. */
  gone(code: string): void {
    this.#conn = 0;
    this.#agent = "cold";
    this.#bootId = "";
    this.#rejectAll("the sandbox ended");
    for (const { listener } of [...this.#turns.values()]) listener.gone(code);
  }

  // — what the hub calls —

  up(hello: HelloFrame, conn: number): void {
    this.#conn = conn;
    this.#bootId = hello.bootId;
    this.#agent = hello.agent;
    this.#watcher.changed();
    for (const { listener } of [...this.#turns.values()]) listener.up();
  }

  down(reason: string): void {
    this.#conn = 0;
    this.#log.info({ sandboxId: this.sandboxId, reason }, "guest connection ended");
    this.#rejectAll(`connection lost: ${reason}`);
    this.#watcher.changed();
  }

  frame(frame: GuestFrame): void {
    switch (frame.type) {
      case "exec.out":
      case "exec.took":
      case "exec.end":
        if (this.#execs.get(frame.session)?.frame(frame)) this.#execs.delete(frame.session);
        break;
      case "ack":
        this.#acked(frame);
        break;
      case "event":
        this.#event(frame);
        break;
      case "agent":
        this.#agent = frame.state;
        this.#say("info", { state: frame.state, detail: frame.detail, ms: frame.ms }, "agent state");
        this.#watcher.changed();
        break;
      case "files":
        this.#watcher.files(frame.changes, frame.more);
        break;
      case "log":
        this.#say(frame.level, { guest: frame.message }, "guest says");
    }
  }

  #say(level: "info" | "warn" | "error", fields: object, what: string): void {
    if (this.#words.waitFor(1, performance.now()) > 0) {
      this.#unsaid++;
      return;
    }
    this.#words.take(1);
    const unsaid = this.#unsaid > 0 ? { unsaid: this.#unsaid } : {};
    this.#unsaid = 0;
    this.#log[level]({ sandboxId: this.sandboxId, ...fields, ...unsaid }, what);
  }

  #event(frame: Extract<GuestFrame, { type: "event" }>): void {
    const subscription = this.#turns.get(frame.turnId);
    if (!subscription || frame.seq <= subscription.seq) return;
    subscription.seq = frame.seq;
    subscription.listener.event(frame.seq, frame.event);
  }

  #acked(frame: GuestAck | Refusal): void {
    const pending = this.#pending.get(frame.id);
    if (!pending) return;
    this.#pending.delete(frame.id);
    clearTimeout(pending.timer);
    if (frame.ok) pending.resolve(frame);
    else
      pending.reject(
        new Fault({
          code: `guest-${frame.error}`,
          message: `guest of ${this.sandboxId} refused: ${frame.error}: ${frame.message}`,
        }),
      );
  }

  #ask(command: Command, withinMs: number = TIMEOUTS.controlAck): Promise<GuestAck> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<GuestAck>();
    if (!this.connected) {
      reject(this.#unreachable(`${command.type}: no connection`, true));
      return promise;
    }
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      reject(this.#unreachable(`${command.type}: no answer in ${withinMs} ms`, false));
    }, withinMs);
    this.#pending.set(id, { resolve, reject, timer });
    this.#port.send(this.sandboxId, this.#conn, { ...command, id } as ToGuest);
    return promise;
  }

  #rejectAll(why: string): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#unreachable(why, false));
    }
    this.#pending.clear();
    for (const exec of this.#execs.values()) exec.lost(why);
    this.#execs.clear();
  }

  /** `certain`: the command was never sent. */
  #unreachable(what: string, certain: boolean): Fault {
    return new Fault({
      code: "agent-unreachable",
      message: `guest of ${this.sandboxId}: ${what}`,
      retryable: true,
      certain,
    });
  }
}
