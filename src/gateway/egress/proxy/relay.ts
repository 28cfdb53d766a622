/**
 * Two sockets, joined: bytes both ways with back-pressure, half-close passed on, ended when both are done, when one
 * breaks or when nothing moves for too long. Looks at no byte.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Joins; resolves when both are closed. `first`: what was read from the client already. */
export function relay(client: Socket, upstream: Socket, idleMs: number, first?: Buffer): Promise<void> {
  return new Promise((resolve) => {
    let open = 2;
    const closed = (other: Socket) => {
      other.destroy();
      if (--open === 0) resolve();
    };
    // Data in either direction touches the client's socket, so one clock is enough.
    client.setTimeout(idleMs, () => client.destroy());
    client.on("close", () => whenDone(client, upstream, closed));
    upstream.on("close", () => whenDone(upstream, client, closed));
    client.on("error", () => client.destroy());
    upstream.on("error", () => upstream.destroy());
    if (first && !upstream.destroyed) upstream.write(first);
    pump(client, upstream);
    pump(upstream, client);
    if (client.destroyed) upstream.destroy();
    if (upstream.destroyed) client.destroy();
  });
}

/** One direction. What `pipe` does, without what it does for streams that aren't sockets. */
function pump(from: Socket, to: Socket): void {
  // Within TLS a write that has been taken may still be somewhere on its way to the kernel.
  const plain = !(to instanceof TLSSocket);
  from.on("data", (bytes: Buffer) => {
    if (!to.write(bytes)) from.pause();
    if (plain && to.writableLength === 0) free(bytes);
  });
  to.on("drain", () => from.resume());
  if (from.readableEnded) endWriting(to);
  else from.on("end", () => endWriting(to));
  if (to.writableNeedDrain) from.pause();
  else from.resume();
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

/** Passes an end on. Where the other way has ended too and all is written, closing says the same with one call less. */
function endWriting(to: Socket): void {
  if (to.readableEnded && to.writableLength === 0) to.destroy();
  else to.end();
}

/**
 * A socket that closed after its end was read has given all it had: the other may still be writing that out. One that
 * broke takes the other with it at once.
 */
function whenDone(socket: Socket, other: Socket, closed: (other: Socket) => void): void {
  if (!socket.readableEnded || other.destroyed || other.writableFinished) {
    closed(other);
    return;
  }
  other.once("finish", () => other.destroy());
  other.on("close", () => closed(other));
}
