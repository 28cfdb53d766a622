/**
 * An upstream's answer on its way down: hop-by-hop headers stay here, the body gets our own framing, the client's pace
 * is upstream's pace.
 */
import type { IncomingMessage } from "node:http";
import type { Scrubber } from "../../credentials/scrubber.ts";
import { drained } from "./body.ts";
import type { Client } from "./client.ts";
import { endToEnd } from "./framing.ts";
import type { HeaderLine, RequestHead } from "./head.ts";

/**
 * Sends all of it; false when it broke off, after which the connection can only be cut. `scrubber`: takes a secret out of
 * head and body, without changing a length.
 */
export async function sendResponse(
  client: Client,
  head: RequestHead,
  message: IncomingMessage,
  idleMs: number,
  scrubber?: () => Scrubber,
): Promise<boolean> {
  const { socket } = client;
  const status = message.statusCode ?? 502;
  const bodyless = head.method === "HEAD" || status === 204 || status === 304;
  const raw: HeaderLine[] = [];
  for (let i = 0; i < message.rawHeaders.length; i += 2)
    raw.push([message.rawHeaders[i]!, message.rawHeaders[i + 1]!]);
  const lines = endToEnd(raw);
  const measured =
    message.headers["content-length"] !== undefined && message.headers["transfer-encoding"] === undefined;
  const chunked = !bodyless && !measured && head.minor === 1;
  const kept =
    measured || bodyless ? lines : lines.filter(([name]) => name.toLowerCase() !== "content-length");
  if (chunked) kept.push(["Transfer-Encoding", "chunked"]);
  if (head.minor === 0) kept.push(["Connection", "close"]);
  const shown = [`HTTP/1.1 ${status} ${message.statusMessage ?? ""}`];
  for (const [name, value] of kept) shown.push(`${name}: ${value}`);
  const clean = scrubber ? shown.map((line) => scrubber().text(line)) : shown;
  socket.write(`${clean.join("\r\n")}\r\n\r\n`, "latin1");
  const body = scrubber?.();
  message.socket.setTimeout(idleMs, () => message.destroy());
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      if (bodyless || socket.destroyed) break;
      const piece = body ? body.push(chunk) : chunk;
      // A chunk of no bytes would end the body.
      if (piece.length === 0) continue;
      if (!writePiece(client, piece, chunked) && !(await drained(socket))) return false;
    }
  } catch {
    return false;
  }
  if (!message.complete && !bodyless) return false;
  const rest = bodyless ? undefined : body?.end();
  if (rest && rest.length > 0) writePiece(client, rest, chunked);
  if (chunked) socket.write("0\r\n\r\n");
  return !socket.destroyed;
}

function writePiece({ socket }: Client, chunk: Buffer, chunked: boolean): boolean {
  if (!chunked) return socket.write(chunk);
  socket.cork();
  socket.write(`${chunk.length.toString(16)}\r\n`);
  socket.write(chunk);
  const more = socket.write("\r\n");
  socket.uncork();
  return more;
}
