/**
 * Two sockets, joined: bytes both ways with back-pressure, half-close passed on, ended when both are done, when one
 * breaks or when nothing moves for too long. Looks at no byte.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Cancel } from "../../../lib/cancel.ts";
import { Deadline } from "../../../lib/deadline.ts";
import type { ByteReader, Sink } from "./reader.ts";

/** Silence is looked for so many times within the time that it may last. */
const LOOKS = 4;

/** Who is joined with an upstream. */
interface Near {
  readonly socket: Socket;
  readonly reader: ByteReader;
  /** Aborts when the client is gone. */
  readonly gone: Cancel;
}

/** Joins, beginning with what the reader holds; `done` is called when both are closed. */
export function relay(client: Near, upstream: Socket, idleMs: number, done?: () => void): void {
  new Relay(client, upstream, idleMs, done);
}

class Relay implements Sink {
  private readonly client: Socket;
  private readonly upstream: Socket;
  private readonly done: (() => void) | undefined;
  private readonly clock: Deadline;
  private readonly lookMs: number;
  private moved = 0;
  private quiet = 0;
  private open = 2;
  /** Within TLS a write that has been taken may still be somewhere on its way to the kernel. */
  private readonly plainUp: boolean;
  private readonly plainDown: boolean;
  /** Somebody resumes the one when the other has drained. Rarely needed, so it isn't listened for before. */
  private drainsUp = false;
  private drainsDown = false;

  constructor({ socket, reader, gone }: Near, upstream: Socket, idleMs: number, done?: () => void) {
    this.client = socket;
    this.upstream = upstream;
    this.done = done;
    this.plainUp = !(upstream instanceof TLSSocket);
    this.plainDown = !(socket instanceof TLSSocket);
    this.lookMs = idleMs / LOOKS;
    this.clock = new Deadline(() => this.look());
    this.clock.set(this.lookMs);
    if (socket.destroyed) this.closed(socket, upstream);
    else gone.addEventListener("abort", () => this.closed(socket, upstream));
    if (upstream.closed) this.closed(upstream, socket);
    else upstream.on("close", () => this.closed(upstream, socket));
    reader.pass(this);
    upstream.on("data", (bytes: Buffer) => {
      if (!socket.write(bytes)) this.holdUpstream();
      if (this.plainDown && socket.writableLength === 0) free(bytes);
    });
    if (upstream.readableEnded) endWriting(socket);
    else upstream.on("end", () => endWriting(socket));
    if (socket.writableNeedDrain) this.holdUpstream();
    else upstream.resume();
    if (upstream.writableNeedDrain) this.holdClient();
    else socket.resume();
  }

  /** From the client. */
  bytes(piece: Buffer): void {
    const { upstream } = this;
    if (upstream.destroyed) return;
    if (!upstream.write(piece)) this.holdClient();
    if (this.plainUp && upstream.writableLength === 0) free(piece);
  }

  /** The client said its last, or is gone. */
  end(): void {
    if (!this.client.destroyed || this.client.readableEnded) endWriting(this.upstream);
  }

  private holdClient(): void {
    this.client.pause();
    if (this.drainsUp) return;
    this.drainsUp = true;
    this.upstream.on("drain", () => this.client.resume());
  }

  private holdUpstream(): void {
    this.upstream.pause();
    if (this.drainsDown) return;
    this.drainsDown = true;
    this.client.on("drain", () => this.upstream.resume());
  }

  /** Counting what has moved now and then costs less than touching a clock with each piece. */
  private look(): void {
    const { client, upstream } = this;
    const waiting = client.writableLength + upstream.writableLength;
    const moved = client.bytesRead + client.bytesWritten - waiting;
    this.quiet = moved === this.moved ? this.quiet + 1 : 0;
    this.moved = moved;
    if (this.quiet >= LOOKS) {
      client.destroy();
      upstream.destroy(); // The client may be gone already, and this still be waiting to be written out.
    } else this.clock.set(this.lookMs);
  }

  /**
   * A socket that closed after its end was read has given all it had: the other may still be writing that out. One that
   * broke takes the other with it at once.
   */
  private closed(socket: Socket, other: Socket): void {
    if (!socket.readableEnded || other.destroyed || other.writableFinished) other.destroy();
    else other.once("finish", () => other.destroy());
    if (--this.open > 0) return;
    this.clock.lift();
    this.done?.();
  }
}

/** Smaller ones aren't worth the call. */
const WORTH_FREEING = 4 * 1024;

/**
 * Gives the memory of bytes back that the kernel has taken. Each read has a buffer of its own outside the heap; leaving
 * them to the garbage collector makes it run every few hundred reads, at a third of a tunnel's CPU time.
 */
function free(bytes: Buffer): void {
  const { buffer } = bytes;
  // A view of a part may share the rest with somebody.
  if (bytes.length >= WORTH_FREEING && bytes.length === buffer.byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer(0);
}

/**
 * Passes an end on. Where the other way has ended too and all is written, closing says the same with one call less; not
 * within TLS, which has an end of its own to say.
 */
function endWriting(to: Socket): void {
  if (to.readableEnded && to.writableLength === 0 && !(to instanceof TLSSocket)) to.destroy();
  else to.end();
}
