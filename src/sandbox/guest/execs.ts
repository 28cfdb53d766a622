/**
 * All sessions of the operator in this guest. They belong to the connection that opened them: when it ends, they do.
 */
import { Exec, type ExecCommand } from "./exec.ts";
import { log } from "./log.ts";
import type { GuestPaths, StartConfig } from "./paths.ts";
import { type FromGuest, MAX_SESSIONS, type ToGuest } from "./protocol.ts";
import { TurnRefused } from "./turns.ts";

/** Commands about an open session. */
export type SessionCommand = Extract<ToGuest, { session: string }> & { id?: never };

/** Bytes of a command line. */
const MAX_ARGV = 64 * 1024;

/** See the module's header. */
export class Execs {
  readonly #open = new Map<string, Exec>();
  readonly #start: StartConfig;
  readonly #paths: GuestPaths;
  readonly #send: (frame: FromGuest) => void;

  constructor(start: StartConfig, paths: GuestPaths, send: (frame: FromGuest) => void) {
    this.#start = start;
    this.#paths = paths;
    this.#send = send;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Starts one. @throws TurnRefused `bad-command` · `busy` (too many) */
  open(command: ExecCommand): void {
    const { session, argv } = command;
    const words =
      Array.isArray(argv) && argv.every((word) => typeof word === "string" && !word.includes("\0"));
    if (!words || typeof session !== "string" || !/^[\w-]{1,64}$/.test(session) || argv[0] === "")
      throw new TurnRefused("bad-command", "not a command line");
    if (argv.join("").length > MAX_ARGV) throw new TurnRefused("too-large", "the command line is too long");
    if (this.#open.has(session)) throw new TurnRefused("bad-command", "this session is open already");
    if (this.#open.size >= MAX_SESSIONS)
      throw new TurnRefused("busy", `${MAX_SESSIONS} programs of the operator run here already`);
    const over = () => void this.#open.delete(session);
    this.#open.set(session, new Exec(command, this.#start, this.#paths, this.#send, over));
    log("info", "session", { session, tty: command.tty !== undefined });
  }

  /** Carries a command out; one of a session that is over means nothing any more. */
  command(command: SessionCommand): void {
    const exec = this.#open.get(command.session);
    if (!exec) return;
    switch (command.type) {
      case "exec.in":
        if (!exec.input(Buffer.from(command.data, "base64"), command.eof === true)) exec.close();
        break;
      case "exec.took":
        exec.grant(command.bytes);
        break;
      case "exec.size":
        exec.resize(command.columns, command.rows);
        break;
      case "exec.signal":
        exec.signal(command.signal);
        break;
      case "exec.close":
        exec.close();
    }
  }

  /** The host's end is gone: nobody hears them any more. */
  closeAll(): void {
    for (const exec of this.#open.values()) exec.close();
  }
}
