/**
 * Pulls bytes out of a stream only when somebody wants them, so that a peer who isn't read can't send: request heads
 * with their limits, pieces of bodies, first bytes of tunnels. Owns the stream's reading side until `release`.
 */
import type { Duplex } from "node:stream";
import { type Cancel, Canceller } from "../../../lib/cancel.ts";
import { findHeadEnd } from "./head.ts";
import type { ProxyLimits } from "./limits.ts";

/** What became of the wait for a head. `closed`: no byte of a head came. */
export type HeadRead =
  | { readonly kind: "head"; readonly bytes: Buffer }
  | { readonly kind: "closed" | "truncated" | "timeout" | "too_large" | "bad_line_ending" | "not_http" };

/** How much is kept in memory that nobody has asked for yet. */
const MAX_KEPT = 64 * 1024;

/** A reader. One per stream at a time. */
export class ByteReader {
  private readonly stream: Duplex;
  private held: Buffer[] = [];
  private heldBytes = 0;
  private done = false;
  private wake: (() => void) | undefined;
  private leave: (() => void) | undefined;

  // Listening to `data` is several times cheaper than `readable` and `read()`, which go round by the next tick.
  private readonly onData = (piece: Buffer) => {
    this.held.push(piece);
    this.heldBytes += piece.length;
    if (this.heldBytes >= MAX_KEPT) this.stream.pause();
    this.wake?.();
  };
  private readonly onDone = () => {
    this.done = true;
    this.wake?.();
    this.leave?.();
  };

  constructor(stream: Duplex) {
    this.stream = stream;
    this.done = stream.readableEnded || stream.destroyed;
    stream.on("data", this.onData);
    stream.on("end", this.onDone);
    stream.on("close", this.onDone);
  }

  /** Stops listening and hands out what was read but not used, in front of what the stream will give next. */
  detach(): Buffer | undefined {
    this.stream.off("data", this.onData);
    this.stream.off("end", this.onDone);
    this.stream.off("close", this.onDone);
    return this.take();
  }

  /** Stops listening; what was read but not used is put back. The stream flows for whoever listens next. */
  release(): void {
    const rest = this.detach();
    if (this.stream.destroyed) return;
    // Neither flowing (bytes would be lost until somebody listens) nor paused (nobody would know to resume).
    (this.stream as { readableFlowing: boolean | null }).readableFlowing = null;
    if (rest) this.stream.unshift(rest);
  }

  /** Puts bytes back in front. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.held.unshift(bytes);
    this.heldBytes += bytes.length;
  }

  /** The next bytes, whatever came; undefined at the end or after `timeoutMs`. */
  bytes(timeoutMs?: number): Promise<Buffer | undefined> {
    const now = this.take();
    if (now || this.done) return Promise.resolve(now);
    return this.more(timeoutMs);
  }

  /** The next request head, up to and with its empty line; what follows it stays unread. */
  async head(limits: ProxyLimits, idleMs: number): Promise<HeadRead> {
    let head = await this.bytes(idleMs);
    if (!head) return { kind: "closed" };
    // TLS, an SSH banner's zero, a SOCKS greeting: nothing that waiting would turn into a request line.
    if (head[0]! <= 0x20 ? head[0] !== 0x0d && head[0] !== 0x0a : head[0]! >= 0x7f)
      return { kind: "not_http" };
    let until = 0;
    let scanned = 0;
    for (;;) {
      const end = findHeadEnd(head, Math.max(0, scanned - 1));
      if (end === "bad_line_ending") return { kind: end };
      if (typeof end === "number" && end <= limits.headBytes) {
        this.unread(head.subarray(end));
        return { kind: "head", bytes: head.subarray(0, end) };
      }
      if (head.length > limits.headBytes) return { kind: "too_large" };
      scanned = head.length;
      until ||= performance.now() + limits.headMs;
      const piece = await this.bytes(Math.max(1, until - performance.now()));
      if (!piece) return { kind: this.ended ? "truncated" : "timeout" };
      head = Buffer.concat([head, piece]);
    }
  }

  /** True when nothing more will come. */
  get ended(): boolean {
    return this.done && this.heldBytes === 0;
  }

  /**
   * Watches for the client's end while somebody else is waited for (a held connection): the signal aborts then, or with
   * `gone`. To see an end one must read, so what comes is kept, up to a bound; a client that has sent more isn't
   * watched further.
   */
  watchEnd(gone: Cancel): { readonly signal: Canceller; stop(): void } {
    const signal = new Canceller();
    const leave = () => signal.abort();
    this.leave = leave;
    gone.addEventListener("abort", leave, { once: true });
    if (gone.aborted || this.done) leave();
    return {
      signal,
      stop: () => {
        this.leave = undefined;
        gone.removeEventListener("abort", leave);
      },
    };
  }

  private take(): Buffer | undefined {
    const { held } = this;
    if (held.length === 0) return undefined;
    const bytes = held.length === 1 ? held[0]! : Buffer.concat(held);
    this.held = [];
    if (this.heldBytes >= MAX_KEPT && !this.stream.destroyed) this.stream.resume();
    this.heldBytes = 0;
    return bytes;
  }

  /** Waits for the stream to say something. */
  private more(timeoutMs: number | undefined): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const settle = () => {
        this.wake = undefined;
        clearTimeout(timer);
        resolve(this.take());
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(settle, timeoutMs);
      this.wake = settle;
    });
  }
}
