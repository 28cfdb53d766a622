/**
 * One program that the operator runs inside, with or without a terminal. Confined exactly as the agent is: it enters the
 * cage by the same stage. Output goes out as fast as the host grants, input comes in as fast as the program reads.
 * Must never outlive its session: everything that it started ends with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { LIMITS } from "./limits.ts";
import { type GuestPaths, type StartConfig, staged } from "./paths.ts";
import { killShell } from "./processes.ts";
import { EXEC_CHUNK, EXEC_WINDOW, type ExecSignal, type FromGuest, type ToGuest } from "./protocol.ts";
import { PTY_PROGRAM, SHELL, shellEnv } from "./shell-env.ts";

/** The command that opens a session. */
export type ExecCommand = Extract<ToGuest, { type: "exec" }>;

/** A session. */
export class Exec {
  readonly id: string;
  readonly #send: (frame: FromGuest) => void;
  readonly #over: () => void;
  readonly #mark: string;
  readonly #child: ChildProcess;
  readonly #tty: boolean;
  /** Bytes that the host still takes. */
  #credit = EXEC_WINDOW;
  /** Output that waits for credit; its streams are paused meanwhile. */
  #waiting: { stream: number; data: Buffer }[] = [];
  /** Bytes of input that the program hasn't taken. */
  #untaken = 0;
  #code: number | undefined;
  #closed = false;
  /** Nobody hears it any more. */
  #muted = false;
  #drained = false;

  /** Starts it. Throws when the command line can't be one. */
  constructor(
    command: ExecCommand,
    start: StartConfig,
    paths: GuestPaths,
    send: (frame: FromGuest) => void,
    over: () => void,
  ) {
    this.id = command.session;
    this.#send = send;
    this.#over = over;
    this.#mark = `${start.bootId}:${command.session}`;
    this.#tty = command.tty !== undefined;
    const argv = command.argv.length > 0 ? command.argv : SHELL;
    const [program, args] = staged(paths, argv);
    const { columns = 80, rows = 24 } = command.tty ?? {};
    const size = [columns, rows].map((n) => String(Math.min(Math.max(Math.trunc(n) || 1, 1), 9_999)));
    const [file, fileArgs] = this.#tty
      ? ["/usr/bin/perl", [PTY_PROGRAM, ...size, "--", program, ...args]]
      : [program, args];
    this.#child = spawn(file, fileArgs, {
      cwd: resolve(paths.home, command.cwd ?? "."),
      env: shellEnv(start, paths, command.env ?? {}, this.#mark),
      stdio: this.#tty ? ["pipe", "pipe", "pipe", "pipe"] : ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#watch();
  }

  /** Input of the program; `took` follows when it has read it. False: more than was granted. */
  input(data: Buffer, eof: boolean): boolean {
    const stdin = this.#child.stdin;
    if (!stdin || this.#closed) return true;
    this.#untaken += data.length;
    if (this.#untaken > EXEC_WINDOW) return false;
    const took = () => {
      this.#untaken -= data.length;
      if (!this.#closed) this.#send({ type: "exec.took", session: this.id, bytes: data.length });
    };
    // A program that doesn't read any more takes everything: what is left has no reader.
    if (data.length > 0 && stdin.writable) stdin.write(data, took);
    else if (data.length > 0) took();
    // A terminal has no end of its input but a key.
    if (eof && !this.#tty) stdin.end();
    return true;
  }

  /** The host takes that many bytes more. */
  grant(bytes: number): void {
    if (!(bytes > 0)) return;
    this.#credit += bytes;
    this.#flush();
  }

  resize(columns: number, rows: number): void {
    if (![columns, rows].every((n) => Number.isInteger(n) && n > 0 && n < 10_000)) return;
    (this.#child.stdio[3] as Writable | undefined)?.write(`${columns} ${rows}\n`);
  }

  signal(signal: ExecSignal): void {
    if (this.#tty) this.close();
    else if (this.#child.pid && this.#code === undefined) tryKill(-this.#child.pid, signal);
  }

  /** Hangs up on everything that it started, kills what stays. `exec.end` follows. */
  close(): void {
    if (this.#closed || this.#muted) return;
    this.#muted = true;
    this.#waiting = [];
    killShell(this.#mark, "SIGHUP");
    this.#child.kill("SIGHUP");
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.resume();
    setTimeout(() => {
      killShell(this.#mark);
      this.#child.kill("SIGKILL");
    }, LIMITS.hangUp);
  }

  #watch(): void {
    const child = this.#child;
    const failed = (error: Error) => {
      // Only a wrong directory can be at fault: the stage itself is always there.
      const why = Buffer.from(`nemoclaw: ${error.message}\n`);
      this.#out(2, why);
      this.#ended(126);
    };
    child.on("error", failed);
    for (const pipe of child.stdio) pipe?.on("error", () => undefined); // EPIPE: it doesn't read any more
    child.on("exit", (code, signal) => {
      this.#code ??= code ?? 128 + (SIGNAL_NUMBERS[signal ?? ""] ?? 0);
      // What it left running holds its output open, and ends with it.
      setTimeout(() => killShell(this.#mark), LIMITS.leftOver).unref();
    });
    child.on("close", () => this.#ended(this.#code ?? 126));
    const reads = (stream: Readable | null, number: number) =>
      stream?.on("data", (data: Buffer) => this.#out(number, data));
    reads(child.stdout, 1);
    reads(child.stderr, 2);
  }

  #out(stream: number, data: Buffer): void {
    if (this.#muted) return;
    for (let at = 0; at < data.length; at += EXEC_CHUNK)
      this.#waiting.push({ stream, data: data.subarray(at, at + EXEC_CHUNK) });
    this.#flush();
  }

  #flush(): void {
    for (let first = this.#waiting[0]; first && this.#credit > 0; first = this.#waiting[0]) {
      const piece = first.data.subarray(0, this.#credit);
      this.#credit -= piece.length;
      if (piece.length < first.data.length) first.data = first.data.subarray(piece.length);
      else this.#waiting.shift();
      const { stream } = first;
      this.#send({ type: "exec.out", session: this.id, stream, data: piece.toString("base64") });
    }
    const full = this.#waiting.length > 0;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (full) stream?.pause();
      else stream?.resume();
    }
    if (this.#drained && !full) this.#finish();
  }

  #ended(code: number): void {
    this.#code ??= code;
    this.#drained = true;
    this.#flush();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    killShell(this.#mark);
    this.#send({ type: "exec.end", session: this.id, code: this.#code ?? 126 });
    this.#over();
  }
}

/** Those that end programs here. */
const SIGNAL_NUMBERS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGSYS: 31,
};

function tryKill(pid: number, signal: ExecSignal): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}
