/**
 * The upstream connection of an inspected tunnel between two requests: verified once, used for the next request that has
 * no body and may be repeated, soon. Each request is judged before it gets here; what is spared is the handshake.
 */
import type { Socket } from "node:net";
import type { Framing } from "../proxy/framing.ts";

/** A connection that waits. */
export interface KeptUpstream {
  readonly socket: Socket;
  readonly address?: string;
  readonly until: number;
}

/** Servers close idle connections after 5 s and more: what waited longer may be closing just now. */
const KEEP_MS = 4_000;

const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS"]);

/** Watches a request's socket; the function tells, after the answer, whether Node's client has set the socket free. */
export function watchRelease(socket: Socket): () => Promise<boolean> {
  let free = false;
  socket.once("free", () => {
    free = true;
  });
  return async () => {
    // It lets go a moment after the answer's end.
    if (!free) await new Promise(setImmediate);
    return free;
  };
}

/** Keeps a connection that Node's client has set free. */
export function keep(socket: Socket, address: string | undefined): KeptUpstream | undefined {
  if (!usable(socket)) return undefined;
  // The last answer's clock has a listener that would end that answer.
  socket.setTimeout(0);
  socket.removeAllListeners("timeout");
  return { socket, until: performance.now() + KEEP_MS, ...(address === undefined ? {} : { address }) };
}

/** Takes it for this request, or ends it. */
export function takeKept(
  holder: { kept?: KeptUpstream | undefined } | undefined,
  method: string,
  framing: Framing,
): KeptUpstream | undefined {
  const kept = holder?.kept;
  if (!holder || !kept) return undefined;
  holder.kept = undefined;
  const fits = REPEATABLE.has(method) && framing.kind === "none";
  if (fits && performance.now() < kept.until && usable(kept.socket)) return kept;
  kept.socket.destroy();
  return undefined;
}

/** Bytes that nobody asked for make it unusable: they would be taken for the next answer. */
function usable(socket: Socket): boolean {
  return !socket.destroyed && socket.writable && !socket.readableEnded && socket.readableLength === 0;
}
