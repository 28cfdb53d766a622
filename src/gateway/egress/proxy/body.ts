/**
 * A request's body on its way up: exactly as long as it was announced, chunks decoded strictly and framed anew, no
 * faster than upstream takes it. A body that breaks off never becomes a complete request.
 */
import type { ClientRequest } from "node:http";
import { ChunkDecoder, type Framing } from "./framing.ts";
import type { ByteReader } from "./reader.ts";

/** `stopped`: upstream closed or answered before it wanted all. */
export type BodyResult = "done" | "malformed" | "truncated" | "stopped";

/** Sends the body and ends the request; ends it only when the body was whole. */
export async function sendBody(
  reader: ByteReader,
  framing: Framing,
  upstream: ClientRequest,
): Promise<BodyResult> {
  if (framing.kind === "none" || (framing.kind === "length" && framing.length === 0)) {
    upstream.end();
    return "done";
  }
  const decoder = framing.kind === "chunked" ? new ChunkDecoder() : undefined;
  let left = framing.kind === "length" ? framing.length : 0;
  for (;;) {
    const bytes = await reader.bytes();
    if (!bytes) return "truncated";
    let pieces: Buffer[];
    let done: boolean;
    if (decoder) {
      const decoded = decoder.feed(bytes);
      if (!decoded.ok) return "malformed";
      pieces = decoded.data;
      done = decoder.done;
      reader.unread(bytes.subarray(decoded.used));
    } else {
      pieces = [bytes.subarray(0, left)];
      reader.unread(bytes.subarray(left));
      left -= pieces[0]!.length;
      done = left === 0;
    }
    for (const piece of pieces) {
      if (upstream.destroyed) return "stopped";
      if (!upstream.write(piece) && !(await drained(upstream))) return "stopped";
    }
    if (done) {
      upstream.end();
      return "done";
    }
  }
}

/** Waits until more may be written; false when it never will. */
export function drained(stream: NodeJS.WritableStream & { destroyed: boolean }): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (value: boolean) => () => {
      stream.removeListener("drain", onDrain);
      stream.removeListener("close", onClose);
      resolve(value);
    };
    const onDrain = settle(true);
    const onClose = settle(false);
    stream.once("drain", onDrain);
    stream.once("close", onClose);
    if (stream.destroyed) onClose();
  });
}
