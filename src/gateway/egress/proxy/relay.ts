/**
 * Two sockets, joined: bytes both ways with back-pressure, half-close passed on, ended when both are done, when one
 * breaks or when nothing moves for too long. Looks at no byte.
 */
import type { Socket } from "node:net";

/** Joins; resolves when both are closed. */
export function relay(client: Socket, upstream: Socket, idleMs: number): Promise<void> {
  return new Promise((resolve) => {
    let open = 2;
    const closed = (other: Socket) => () => {
      other.destroy();
      if (--open === 0) resolve();
    };
    // Data in either direction touches the client's socket, so one clock is enough.
    client.setTimeout(idleMs, () => client.destroy());
    client.once("close", closedWhenDone(client, upstream, closed(upstream)));
    upstream.once("close", closedWhenDone(upstream, client, closed(client)));
    client.on("error", () => client.destroy());
    upstream.on("error", () => upstream.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
    if (client.destroyed) upstream.destroy();
    if (upstream.destroyed) client.destroy();
  });
}

/**
 * A socket that closed after its end was read has given all it had: the other may still be writing that out. One that
 * broke takes the other with it at once.
 */
function closedWhenDone(socket: Socket, other: Socket, end: () => void): () => void {
  return () => {
    if (!socket.readableEnded || other.destroyed || other.writableFinished) return end();
    other.once("finish", end);
    other.once("close", end);
  };
}
