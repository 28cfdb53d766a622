/**
 * The connection to the host: dials control.sock, says hello, reads commands, sends what it is given, redials.
 * Sends events from the turns' journals at the pace of the socket, so that a slow host costs no memory here.
 * Must never stop a turn because the host went away.
 */
import { connect, type Socket } from "node:net";
import { encodeFrame, frameReader } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { log, reason } from "./log.ts";
import { CONTROL_VERSION, type FromGuest, type ToGuest } from "./protocol.ts";
import type { Turn } from "./turn.ts";

/** Bytes that may wait in the socket before journals are left to wait instead. */
const HIGH_WATER = 512 * 1024;

/** What the link asks of the guest. */
export interface LinkOwner {
  hello(): Extract<FromGuest, { type: "hello" }>;
  command(command: ToGuest): void;
  /** The connection ended: what belonged to it is over. */
  down(): void;
}

/** The one link of this guest. */
export class HostLink {
  readonly #path: string;
  readonly #owner: LinkOwner;
  /** Turns whose events this connection wants, with the last seq sent on it. */
  readonly #cursors = new Map<Turn, number>();
  #socket: Socket | undefined;
  #welcome = false;
  #heard = 0;
  #pause: number = LIMITS.redialMin;
  #closed = false;

  constructor(path: string, owner: LinkOwner) {
    this.#path = path;
    this.#owner = owner;
    setInterval(() => this.#watch(), LIMITS.hostSilent / 3).unref();
  }

  /** Starts dialling; goes on for the life of the guest. */
  dial(): void {
    if (this.#closed) return;
    const socket = connect(this.#path);
    this.#socket = socket;
    this.#welcome = false;
    let retry: number | undefined;
    socket.on("connect", () => {
      this.#heard = performance.now();
      socket.write(encodeFrame(this.#owner.hello()));
    });
    const read = frameReader((value) => {
      const command = value as ToGuest;
      if (command.type !== "welcome") return this.#welcome ? this.#owner.command(command) : undefined;
      if (command.v !== CONTROL_VERSION) {
        log("error", "host-version", { v: command.v });
        retry = LIMITS.redialRefused;
        socket.destroy();
        return;
      }
      this.#welcome = true;
      this.#pause = LIMITS.redialMin;
    });
    socket.on("data", (chunk) => {
      this.#heard = performance.now();
      try {
        read(chunk);
      } catch (error) {
        log("error", "host-frame", { err: reason(error) });
        socket.destroy();
      }
    });
    socket.on("drain", () => this.#pump());
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#welcome = false;
      this.#cursors.clear();
      this.#owner.down();
      setTimeout(() => this.dial(), retry ?? this.#pause);
      this.#pause = Math.min(this.#pause * 2, LIMITS.redialMax);
    });
  }

  /** Sends a frame that no journal holds: answers and states. Dropped when the host is away; `hello` tells it all. */
  send(frame: FromGuest): void {
    if (this.#socket && this.#welcome) this.#socket.write(encodeFrame(frame));
  }

  /** From now on this connection gets the turn's events after `seq`. */
  follow(turn: Turn, seq: number): void {
    this.#cursors.set(turn, seq);
    this.#pump();
  }

  /** There may be something new to send. */
  changed(): void {
    this.#pump();
  }

  /** Closes the connection once what was sent is out, and dials again after `ms`. */
  rest(ms: number): void {
    this.#pause = ms;
    this.#socket?.end();
  }

  /** Closes for good. */
  close(): void {
    this.#closed = true;
    this.#socket?.end();
  }

  #pump(): void {
    const socket = this.#socket;
    if (!socket || !this.#welcome) return;
    for (const [turn, from] of this.#cursors) {
      let seq = from;
      for (let entry = turn.journal.next(seq); entry; entry = turn.journal.next(seq)) {
        if (socket.writableLength > HIGH_WATER) break;
        socket.write(
          encodeFrame({ type: "event", turnId: turn.id, fence: turn.fence, ...entry } satisfies FromGuest),
        );
        seq = entry.seq;
      }
      if (turn.done && seq >= turn.journal.lastSeq) this.#cursors.delete(turn);
      else this.#cursors.set(turn, seq);
    }
  }

  /** A host that fell silent without closing (a stopped process, a pause of the sandbox). */
  #watch(): void {
    if (this.#socket && !this.#socket.connecting && performance.now() - this.#heard > LIMITS.hostSilent) {
      log("warn", "host-silent");
      this.#socket.destroy();
    }
  }
}
