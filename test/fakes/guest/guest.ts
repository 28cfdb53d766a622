/**
 * FAKE: a guest without an agent that speaks the real control protocol over a real unix socket, and is strict about
 * what a host may do: fences, idempotency by turnId, one turn per session, commands only after `welcome`.
 * What a turn does is told by the first line of its text (SCENARIOS). Broken rules are collected in `violations`.
 */
import { appendFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AgentState,
  CONTROL_VERSION,
  type FileChange,
  type FromGuest,
  type GuestTurn,
  MAX_FRAME,
  type ToGuest,
  type TurnEvent,
} from "../../../src/sandbox/guest/protocol.ts";
import { describe, type FakeTurn, Refused, type Run } from "./turn.ts";

type Numbered = Extract<ToGuest, { id: number }>;

/** What tests may set. */
export interface FakeGuestOptions {
  sandboxId: string;
  bootId: string;
  socketPath: string;
  /** How long the agent takes to become warm. */
  warmMs?: number;
  /** The whole guest ends by itself. */
  onDeath?: (why: "exit" | "oom") => void;
  /** The kernel killed something inside for want of memory. */
  onOomKill?: () => void;
}

/** See the module's header. */
export class FakeGuest {
  readonly options: FakeGuestOptions;
  /** Every turn that was really started, in order: a second entry of one id is a turn that ran twice. */
  readonly started: string[] = [];
  readonly commands: { at: number; command: ToGuest }[] = [];
  readonly violations: string[] = [];
  /** Called when a run starts, before anything else. */
  onRun: ((command: Run) => void) | undefined;
  /** The next start of the agent fails. */
  failWarm = false;
  /** Redialling is switched off: the guest runs but can't be reached. */
  mute = false;
  /** What people said to commands' questions. */
  readonly answers: { ask: string; decision: string }[] = [];
  agent: AgentState = "cold";
  readonly #turns = new Map<string, FakeTurn>();
  readonly #fences = new Map<string, number>();
  readonly #files = new Map<string, Buffer>();
  #socket: Socket | undefined;
  #cursors = new Map<FakeTurn, number>();
  #welcome = false;
  #frozen = false;
  #dead = false;
  #heard = 0;
  #watchdog: NodeJS.Timeout;

  constructor(options: FakeGuestOptions) {
    this.options = options;
    this.#watchdog = setInterval(() => {
      // As the real one: a host that fell silent is taken for gone.
      if (this.#socket && !this.#frozen && performance.now() - this.#heard > 6_000) this.#socket.destroy();
    }, 500);
    this.#dial();
  }

  get connected(): boolean {
    return this.#welcome;
  }

  get running(): string[] {
    return [...this.#turns.values()].filter((turn) => !turn.done).map((turn) => turn.command.turnId);
  }

  /** SIGSTOP of everything inside. */
  freeze(): void {
    this.#frozen = true;
    this.#socket?.pause();
  }

  thaw(): void {
    this.#frozen = false;
    this.#heard = performance.now();
    this.#socket?.resume();
    if (!this.#socket) this.#dial();
  }

  /** The connection breaks; the guest redials. */
  dropConnection(): void {
    this.#socket?.destroy();
  }

  /** SIGKILL of everything inside. */
  kill(): void {
    this.#dead = true;
    clearInterval(this.#watchdog);
    this.#socket?.destroy();
  }

  /** Says that files have changed, asked or not. */
  tellFiles(changes: FileChange[], more = 0): void {
    this.#send({ type: "files", changes, more });
  }

  /** The launcher's killAgent: tools and agent die, PID 1 lives. */
  killAgent(): void {
    for (const turn of this.#turns.values()) turn.killed = true;
    this.#state("cold");
  }

  #dial(): void {
    if (this.#dead || this.#frozen || this.#socket) return;
    if (this.mute) {
      setTimeout(() => this.#dial(), 100);
      return;
    }
    const socket = connect(this.options.socketPath);
    this.#socket = socket;
    this.#heard = performance.now();
    socket.on("connect", () => {
      const { sandboxId, bootId } = this.options;
      const turns = [...this.#turns.values()].map(describe);
      const fence = Math.max(0, ...this.#fences.values());
      const me = { sandbox: sandboxId, bootId, agent: this.agent };
      this.#write({ type: "hello", v: CONTROL_VERSION, ...me, fence, turns });
    });
    let buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      this.#heard = performance.now();
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 4) {
        const length = buffer.readUInt32BE(0);
        if (length > MAX_FRAME) this.violations.push(`frame of ${length} bytes`);
        if (buffer.length < 4 + length) break;
        this.#command(JSON.parse(buffer.toString("utf8", 4, 4 + length)) as ToGuest);
        buffer = buffer.subarray(4 + length);
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#welcome = false;
      this.#cursors = new Map();
      setTimeout(() => this.#dial(), 100);
    });
  }

  #write(frame: FromGuest): void {
    if (!this.#socket || this.#dead) return;
    const json = Buffer.from(JSON.stringify(frame));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(json.length);
    this.#socket.write(Buffer.concat([head, json]));
  }

  #send(frame: FromGuest): void {
    if (this.#welcome && !this.#frozen) this.#write(frame);
  }

  #command(command: ToGuest): void {
    this.commands.push({ at: performance.now(), command });
    if (command.type === "welcome") {
      this.#welcome = true;
      return;
    }
    if (!this.#welcome) this.violations.push(`${command.type} before welcome`);
    if (command.type === "ping") this.#send({ type: "pong", n: command.n });
    else if (command.type === "received") this.#received(command.turnId, command.seq);
    else if ("id" in command) this.#numbered(command);
  }

  #numbered(command: Numbered): void {
    try {
      const { ack, after } = this.#perform(command);
      this.#send({ type: "ack", id: command.id, ok: true, ...ack });
      after?.();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#send({ type: "ack", id: command.id, ok: false, error: error.code, message: error.message });
    }
  }

  #perform(command: Numbered): {
    ack?: { turn?: GuestTurn; size?: number; data?: string; eof?: boolean };
    after?: () => void;
  } {
    switch (command.type) {
      case "warm":
        return { after: () => void this.#warm() };
      case "run": {
        const turn = this.#start(command);
        return { ack: { turn: describe(turn) }, after: () => this.#follow(turn, 0) };
      }
      case "cancel": {
        const turn = this.#known(command.turnId, command.fence);
        turn.cancelled = true;
        return { ack: { turn: describe(turn) } };
      }
      case "answer":
        this.#known(command.turnId, command.fence);
        this.answers.push({ ask: command.ask, decision: command.decision });
        return {};
      case "attach": {
        const turn = this.#known(command.turnId, command.fence);
        return { ack: { turn: describe(turn) }, after: () => this.#follow(turn, command.afterSeq) };
      }
      case "file.put": {
        const before =
          command.offset === 0 ? Buffer.alloc(0) : (this.#files.get(command.path) ?? Buffer.alloc(0));
        if (before.length !== command.offset) throw new Refused("file-error", "hole");
        const bytes = Buffer.concat([before, Buffer.from(command.data, "base64")]);
        this.#files.set(command.path, bytes);
        return { ack: { size: bytes.length } };
      }
      case "file.get": {
        const bytes = this.#files.get(command.path);
        if (!bytes) throw new Refused("file-error", "no such file");
        const piece = bytes.subarray(command.offset, command.offset + 1_000);
        return {
          ack: {
            size: bytes.length,
            data: piece.toString("base64"),
            eof: command.offset + piece.length >= bytes.length,
          },
        };
      }
      case "quiesce":
        if (this.running.length > 0) throw new Refused("busy", "a turn is running");
        return { after: () => this.#socket?.end() };
      case "shutdown":
        return { after: () => this.options.onDeath?.("exit") };
      default:
        throw new Refused("bad-command", "not of this fake");
    }
  }

  async #warm(): Promise<void> {
    if (this.agent === "warm" || this.agent === "waking") return;
    this.#state("waking");
    await sleep(this.options.warmMs ?? 0);
    const failed = this.failWarm;
    this.failWarm = false;
    this.#state(failed ? "failed" : "warm");
  }

  #state(state: AgentState): void {
    this.agent = state;
    this.#send({ type: "agent", state, detail: "" });
  }

  #start(command: Run): FakeTurn {
    const known = this.#turns.get(command.turnId);
    if (known) return this.#known(command.turnId, command.fence);
    const conversation = command.sessionKey.replace(/:[^:]*$/, "");
    const highest = this.#fences.get(conversation) ?? 0;
    if (command.fence < highest) throw new Refused("stale-fence", `${command.fence} < ${highest}`);
    for (const turn of this.#turns.values())
      if (!turn.done && turn.command.sessionKey === command.sessionKey)
        throw new Refused("busy", "session has a turn");
    if (this.agent !== "warm" && command.mode === "warm") this.violations.push("run without a warm agent");
    // As the real guest: a one-shot run stops the gateway.
    if (command.mode === "oneshot") this.#state("cold");
    this.#fences.set(conversation, command.fence);
    const turn: FakeTurn = {
      command,
      fence: command.fence,
      done: false,
      cancelled: false,
      killed: false,
      journal: [],
      lastSeq: 0,
    };
    this.#turns.set(command.turnId, turn);
    this.started.push(command.turnId);
    this.onRun?.(command);
    void this.#play(turn);
    return turn;
  }

  #known(turnId: string, fence: number): FakeTurn {
    const turn = this.#turns.get(turnId);
    if (!turn) throw new Refused("unknown-turn", turnId);
    if (fence < turn.fence) throw new Refused("stale-fence", `${fence} < ${turn.fence}`);
    turn.fence = fence;
    return turn;
  }

  #received(turnId: string, seq: number): void {
    const turn = this.#turns.get(turnId);
    if (turn) turn.journal = turn.journal.filter((entry) => entry.seq > seq);
  }

  #emit(turn: FakeTurn, event: TurnEvent): void {
    if (turn.done || this.#dead) return;
    turn.lastSeq++;
    turn.journal.push({ seq: turn.lastSeq, event });
    if (event.kind === "final" || event.kind === "failed" || event.kind === "cancelled") turn.done = true;
    const cursor = this.#cursors.get(turn);
    if (cursor !== undefined) this.#follow(turn, cursor);
  }

  #follow(turn: FakeTurn, afterSeq: number): void {
    let seq = afterSeq;
    for (const entry of turn.journal) {
      if (entry.seq <= seq) continue;
      this.#send({ type: "event", turnId: turn.command.turnId, fence: turn.fence, ...entry });
      seq = entry.seq;
    }
    this.#cursors.set(turn, seq);
  }

  /** SCENARIOS: the first word of the text, with arguments. */
  async #play(turn: FakeTurn): Promise<void> {
    const line = turn.command.text.split("\n")[0] ?? "";
    const [word = "", ...args] = line.split(" ");
    this.#emit(turn, { kind: "started" });
    /** Waits, streaming; false when the turn was ended meanwhile. */
    const stream = async (ms: number): Promise<boolean> => {
      const end = performance.now() + ms;
      for (let i = 0; performance.now() < end; i++) {
        await sleep(Math.min(50, ms));
        if (turn.killed) {
          this.#emit(turn, { kind: "failed", code: "agent-crashed", message: "killed", retryable: true });
          return false;
        }
        if (turn.cancelled && word !== "deaf") {
          this.#emit(turn, { kind: "cancelled" });
          return false;
        }
        this.#emit(turn, { kind: "delta", text: `${i} ` });
      }
      return true;
    };
    switch (word) {
      case "slow": // slow MS
      case "deaf": // the same, but a cancel is ignored
        if (!(await stream(Number(args[0] ?? 1_000)))) return;
        break;
      case "crash": // the agent dies, the guest lives
        this.#state("cold");
        this.#emit(turn, { kind: "failed", code: "agent-crashed", message: "agent ended", retryable: true });
        return;
      case "die": // everything inside dies
      case "oom":
        this.kill();
        this.options.onDeath?.(word === "oom" ? "oom" : "exit");
        return;
      case "starved": // the kernel kills something, OpenClaw ends the turn: starved silent | starved crash | starved TEXT
        this.options.onOomKill?.();
        if (args[0] === "silent") return this.#emit(turn, { kind: "final", text: " " });
        if (args[0] === "crash")
          return this.#emit(turn, { kind: "failed", code: "agent-crashed", message: "", retryable: true });
        break;
      case "silent": // not a word
        return this.#emit(turn, { kind: "final", text: " " });
      case "tool":
        this.#emit(turn, { kind: "tool", phase: "start", id: "1", name: "exec", summary: "ls" });
        if (!(await stream(100))) return;
        this.#emit(turn, { kind: "tool", phase: "end", id: "1", name: "exec", summary: "ls", ok: true });
        break;
      case "effect": // effect FILE MS: one line with the turn's id
        appendFileSync(args[0] ?? "", `${turn.command.turnId}\n`);
        if (!(await stream(Number(args[1] ?? 0)))) return;
        break;
      case "ask": // ask COMMAND: waits for a person's word, and says it
        this.#emit(turn, { kind: "ask", ask: "q1", command: args.join(" "), cwd: "/home", always: false });
        while (this.answers.length === 0 && !turn.cancelled) await sleep(20);
        if (turn.cancelled) return this.#emit(turn, { kind: "cancelled" });
        this.#emit(turn, { kind: "final", text: this.answers.at(-1)?.decision ?? "" });
        return;
      case "bad-code":
        this.#emit(turn, {
          kind: "failed",
          code: "<b>Not a code</b>",
          message: "x".repeat(2_000),
          retryable: false,
        });
        return;
    }
    this.#emit(turn, { kind: "final", text: `You said: ${turn.command.text}` });
  }
}
