/**
 * One accepted connection of a guest, inside the control thread: caps, back-pressure, decoding, heartbeat.
 * A connection may use only its share: `quantum` frames per round of the loop, its buckets' bytes and frames per second,
 * and `maxUnhandled` frames that the main thread hasn't handled yet. Beyond that its socket is paused, so that
 * the kernel holds the flood back at its source.
 */
import type { Socket } from "node:net";
import type { FromGuest, ToGuest } from "../../sandbox/index.ts";
import { type BucketLimits, TokenBucket } from "./bucket.ts";
import { encodeFrame, FrameBuffer, ProtocolViolation, parseFrame } from "./frames.ts";
import { EXEC_WINDOW, MAX_FRAME } from "./wire.ts";

/** Caps of one connection. */
export interface ConnectionCaps {
  frames: BucketLimits;
  bytes: BucketLimits;
  quantum: number;
  maxUnhandled: number;
  /** Bytes that may wait for a guest that doesn't read. */
  maxUnread: number;
  heartbeatMs: number;
  /** Heartbeats without a word after which the guest is taken for gone. */
  heartbeatsLost: number;
}

/** What happens on a connection. */
export interface ConnectionEvents {
  frame(frame: FromGuest): void;
  /** Once, after which nothing follows. `violation` = the guest broke a rule. */
  end(reason: string, violation: boolean): void;
}

/** See the module's header. */
export class GuestConnection {
  readonly #socket: Socket;
  readonly #caps: ConnectionCaps;
  readonly #events: ConnectionEvents;
  readonly #buffer = new FrameBuffer();
  readonly #frames: TokenBucket;
  readonly #bytes: TokenBucket;
  /** Bytes that this end has asked for: they come at the pace of whoever takes them, not at that of the buckets. */
  #solicited = 0;
  #unhandled = 0;
  #scheduled = false;
  #ended = false;
  #held = false;
  #timer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #silentBeats = 0;
  #pings = 0;

  constructor(socket: Socket, caps: ConnectionCaps, events: ConnectionEvents) {
    this.#socket = socket;
    this.#caps = caps;
    this.#events = events;
    const now = performance.now();
    this.#frames = new TokenBucket(caps.frames, now);
    this.#bytes = new TokenBucket(caps.bytes, now);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", (error) => this.close(error.message));
    socket.on("close", () => this.close("the guest closed the connection"));
  }

  /** Queues a message; a guest that doesn't read its socket is cut off. */
  send(message: ToGuest): void {
    if (this.#ended) return;
    this.#solicited = Math.min(this.#solicited + solicits(message), MAX_SOLICITED);
    this.#socket.write(encodeFrame(message));
    if (this.#socket.writableLength > this.#caps.maxUnread) this.close("the guest does not read", true);
  }

  /**
   * Starts or stops pinging. Counts beats, not time: after this process itself was stopped for a while, one late
   * beat says nothing about the guest.
   */
  heartbeat(on: boolean): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    this.#silentBeats = 0;
    if (!on || this.#ended) return;
    const ping = () => this.send({ type: "ping", n: ++this.#pings });
    this.#heartbeat = setInterval(() => {
      this.#silentBeats++;
      if (this.#silentBeats >= this.#caps.heartbeatsLost) this.close("no heartbeat");
      else ping();
    }, this.#caps.heartbeatMs);
    ping();
  }

  /** Leaves what follows unread, e.g. until the hello was judged. */
  hold(on: boolean): void {
    this.#held = on;
    if (!on) this.handled(1);
  }

  /** The main thread has handled `count` frames of this connection. */
  handled(count: number): void {
    this.#unhandled = Math.max(0, this.#unhandled - count);
    if (this.#buffer.length > 0) this.#schedule();
  }

  close(reason: string, violation = false): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    clearInterval(this.#heartbeat);
    this.#socket.destroy();
    this.#events.end(reason, violation);
  }

  #onData(chunk: Buffer): void {
    if (this.#ended) return;
    this.#buffer.push(chunk);
    // One whole frame more than the one in hand is enough to go on with.
    if (this.#buffer.length > MAX_FRAME + 4) this.#socket.pause();
    this.#schedule();
  }

  #schedule(delayMs = 0): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    const run = () => {
      this.#scheduled = false;
      this.#timer = undefined;
      this.#round();
    };
    // setImmediate, not a loop: other connections get their round in between.
    if (delayMs > 0) this.#timer = setTimeout(run, delayMs);
    else setImmediate(run);
  }

  #round(): void {
    try {
      for (let i = 0; i < this.#caps.quantum && !this.#ended && !this.#held; i++) {
        const size = this.#buffer.peek();
        if (size === undefined) {
          this.#socket.resume();
          return;
        }
        const now = performance.now();
        // What was asked for may pass at once; whether it really is that shows when it is read.
        const asked = size <= this.#solicited;
        const wait = asked ? 0 : Math.max(this.#frames.waitFor(1, now), this.#bytes.waitFor(size, now));
        const behind = this.#unhandled >= this.#caps.maxUnhandled;
        if (wait > 0 || behind) {
          this.#socket.pause();
          // When the main thread is behind, `handled` starts the next round.
          if (wait > 0 && !behind) this.#schedule(wait);
          return;
        }
        const frame = parseFrame(this.#buffer.shift(size));
        if (asked) this.#solicited -= size;
        if (!asked || !isAnswer(frame)) {
          this.#frames.take(1);
          this.#bytes.take(size);
        }
        this.#deliver(frame);
        if (size > MAX_FRAME / 8) break; // a big frame is a round of its own
      }
      if (!this.#held) this.#schedule();
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.close(error.message, true);
    }
  }

  #deliver(frame: FromGuest): void {
    this.#silentBeats = 0;
    if (frame.type === "pong") return;
    this.#unhandled++;
    this.#events.frame(frame);
  }
}

/** All that may be asked for at once; a file's answer is mostly smaller than what is reckoned for it. */
const MAX_SOLICITED = 4 * 1024 * 1024;

/** Of base64 and what is around it in a frame. */
const wire = (bytes: number) => Math.ceil(bytes * 1.4) + 1_024;

/** Bytes of frames that a message lets the guest send. What an operator hasn't taken is bounded by EXEC_WINDOW. */
function solicits(message: ToGuest): number {
  if (message.type === "exec") return wire(EXEC_WINDOW);
  if (message.type === "exec.took") return wire(message.bytes);
  if (message.type === "exec.in") return 256;
  return message.type === "file.get" || message.type === "file.list" ? MAX_FRAME : 0;
}

/** What comes because it was asked for. */
function isAnswer(frame: FromGuest): boolean {
  if (frame.type === "exec.out" || frame.type === "exec.took") return true;
  return frame.type === "ack" && frame.ok && (frame.data !== undefined || frame.files !== undefined);
}
