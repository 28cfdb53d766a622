/**
 * Pulls bytes out of a stream only when somebody wants them, so that a peer who isn't read can't send: request heads
 * with their limits, pieces of bodies, first bytes of tunnels. Owns the stream's reading side until `release`.
 *
 * What is there already is given at once, without a promise: most heads come in one piece.
 */
import type { Duplex } from "node:stream";
import { type Cancel, Canceller } from "../../../lib/cancel.ts";
import { Deadline } from "../../../lib/deadline.ts";
import { findHeadEnd } from "./head.ts";
import type { ProxyLimits } from "./limits.ts";

/** What became of the wait for a head. `closed`: no byte of a head came. */
export type HeadRead =
  | { readonly kind: "head"; readonly bytes: Buffer }
  | { readonly kind: "closed" | "truncated" | "timeout" | "too_large" | "bad_line_ending" | "not_http" };

/** Takes all bytes from now on. */
export interface Sink {
  bytes(piece: Buffer): void;
  end(): void;
}

/** How much is kept in memory that nobody has asked for yet. */
const MAX_KEPT = 64 * 1024;

/** A reader. One per stream at a time. */
export class ByteReader {
  private readonly stream: Duplex;
  /** What was read and not taken: the first piece apart, since there is rarely a second. */
  private held: Buffer | undefined;
  private heldMore: Buffer[] | undefined;
  private heldBytes = 0;
  private done = false;
  private sink: Sink | undefined;
  private waiting: ((bytes: Buffer | undefined) => void) | undefined;
  private left: Canceller | undefined;
  private readonly limit = new Deadline(() => this.wake());

  // Listening to `data` is several times cheaper than `readable` and `read()`, which go round by the next tick.
  private readonly onData = (piece: Buffer) => {
    if (this.sink) return this.sink.bytes(piece);
    if (this.held === undefined) this.held = piece;
    else if (this.heldMore) this.heldMore.push(piece);
    else this.heldMore = [piece];
    this.heldBytes += piece.length;
    if (this.heldBytes >= MAX_KEPT) this.stream.pause();
    if (this.waiting) this.wake();
  };
  private readonly onDone = () => {
    if (this.done) return;
    this.done = true;
    if (this.waiting) this.wake();
    this.left?.abort();
    this.sink?.end();
  };

  /** `gone` aborts when the stream is closed. */
  constructor(stream: Duplex, gone: Cancel) {
    this.stream = stream;
    this.done = stream.readableEnded || stream.destroyed;
    stream.on("data", this.onData);
    stream.on("end", this.onDone);
    gone.addEventListener("abort", this.onDone);
  }

  /** Stops listening; what was read but not used is put back. The stream flows for whoever listens next. */
  release(): void {
    this.stream.off("data", this.onData);
    this.stream.off("end", this.onDone);
    const rest = this.take();
    if (this.stream.destroyed) return;
    // Neither flowing (bytes would be lost until somebody listens) nor paused (nobody would know to resume).
    (this.stream as { readableFlowing: boolean | null }).readableFlowing = null;
    // A stream that has ended takes nothing back, and would break: its writing side may still be needed.
    if (rest && !this.stream.readableEnded) this.stream.unshift(rest);
  }

  /** Gives `sink` what is held, and everything that comes. `end` is called once, also for an end that has been. */
  pass(sink: Sink): void {
    this.sink = sink;
    const rest = this.take();
    if (rest) sink.bytes(rest);
    if (this.done) sink.end();
  }

  /** Puts bytes back in front. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.held !== undefined) this.heldMore = [this.held, ...(this.heldMore ?? [])];
    this.held = bytes;
    this.heldBytes += bytes.length;
  }

  /** The next bytes, whatever came; undefined at the end or after `timeoutMs`. */
  bytes(timeoutMs?: number): Buffer | undefined | Promise<Buffer | undefined> {
    if (this.held !== undefined || this.done) return this.take();
    return new Promise((resolve) => {
      this.waiting = resolve;
      if (timeoutMs !== undefined) this.limit.set(timeoutMs);
    });
  }

  /** The next request head, up to and with its empty line; what follows it stays unread. */
  head(limits: ProxyLimits, idleMs: number): HeadRead | Promise<HeadRead> {
    const bytes = this.bytes(idleMs);
    return bytes instanceof Promise
      ? bytes.then((first) => this.headFrom(first, limits))
      : this.headFrom(bytes, limits);
  }

  /** True when nothing more will come. */
  get ended(): boolean {
    return this.done && this.held === undefined;
  }

  /**
   * Watches for the client's end while somebody else is waited for (a held connection), until `unwatch`: what this
   * gives aborts then. To see an end one must read, so what comes is kept, up to a bound; a client that has sent more
   * isn't watched further.
   */
  watchEnd(): Canceller {
    this.left = new Canceller();
    if (this.done) this.left.abort();
    return this.left;
  }

  unwatch(): void {
    this.left = undefined;
  }

  private headFrom(first: Buffer | undefined, limits: ProxyLimits): HeadRead | Promise<HeadRead> {
    if (!first) return { kind: "closed" };
    // TLS, an SSH banner's zero, a SOCKS greeting: nothing that waiting would turn into a request line.
    if (first[0]! <= 0x20 ? first[0] !== 0x0d && first[0] !== 0x0a : first[0]! >= 0x7f)
      return { kind: "not_http" };
    return this.headIn(first, 0, limits) ?? this.restOfHead(first, limits);
  }

  /** A head in these bytes, or why there can't be one; undefined when more are needed. */
  private headIn(bytes: Buffer, scanned: number, limits: ProxyLimits): HeadRead | undefined {
    const end = findHeadEnd(bytes, Math.max(0, scanned - 1));
    if (end === "bad_line_ending") return { kind: end };
    if (typeof end === "number" && end <= limits.headBytes) {
      this.unread(bytes.subarray(end));
      return { kind: "head", bytes: bytes.subarray(0, end) };
    }
    return bytes.length > limits.headBytes ? { kind: "too_large" } : undefined;
  }

  private async restOfHead(first: Buffer, limits: ProxyLimits): Promise<HeadRead> {
    const until = performance.now() + limits.headMs;
    let head = first;
    for (;;) {
      const piece = await this.bytes(Math.max(1, until - performance.now()));
      if (!piece) return { kind: this.ended ? "truncated" : "timeout" };
      const scanned = head.length;
      head = Buffer.concat([head, piece]);
      const read = this.headIn(head, scanned, limits);
      if (read) return read;
    }
  }

  private take(): Buffer | undefined {
    const { held, heldMore } = this;
    if (held === undefined) return undefined;
    this.held = undefined;
    if (this.heldBytes >= MAX_KEPT && !this.stream.destroyed) this.stream.resume();
    this.heldBytes = 0;
    if (heldMore === undefined) return held;
    this.heldMore = undefined;
    return Buffer.concat([held, ...heldMore]);
  }

  /** Gives whoever waits what there is. */
  private wake(): void {
    const { waiting } = this;
    this.waiting = undefined;
    this.limit.lift();
    waiting?.(this.take());
  }
}
