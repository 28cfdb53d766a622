/**
 * The model's side of a sandbox's egress socket: the egress proxy hands connections to `inference.local` over, and this
 * reads requests from them and gives them to the router. Must never forward anything, wherever a request points.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { InferencePort } from "../egress/proxy/index.ts";
import { targetOf } from "./target.ts";

/** The name under which a sandbox reaches its model; port 80. */
export const INFERENCE_HOST = "inference.local";

/** Limits of a model connection. */
const LIMITS = {
  headerBytes: 16 * 1024,
  headers: 64,
  headersMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 60_000,
} as const;

/** What serves a request; `path` without host, query included. */
export interface InferenceHandler {
  handle(sandboxId: string, path: string, req: IncomingMessage, res: ServerResponse): void;
}

/** The model server of one sandbox. It never listens: connections are handed to it. */
export function inferenceServer(sandboxId: string, inference: InferenceHandler): InferencePort {
  const server = createServer({
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: LIMITS.headerBytes,
    headersTimeout: LIMITS.headersMs,
    requestTimeout: LIMITS.requestMs,
    keepAliveTimeout: LIMITS.keepAliveMs,
    connectionsCheckingInterval: 2_000,
  });
  server.on("request", (req, res) => {
    if (req.rawHeaders.length / 2 > LIMITS.headers)
      return void answer(res, 431, { error: "header_too_large" });
    const target = targetOf(req.url ?? "", req.rawHeaders);
    if (!target.ok) return void answer(res, 400, badRequest(target.fault));
    if (target.host !== INFERENCE_HOST || target.port !== 80)
      return void answer(res, 400, badRequest("host_mismatch"));
    inference.handle(sandboxId, target.path, req, res);
  });
  server.on("connect", (_req, stream: Duplex) => end(stream, 400, badRequest("tunnel_in_tunnel")));
  server.on("clientError", (error: NodeJS.ErrnoException, stream) => {
    if (error.code === "ECONNRESET") return void stream.destroy();
    if (error.code === "HPE_HEADER_OVERFLOW") return end(stream, 431, { error: "header_too_large" });
    end(stream, 400, badRequest("unreadable"));
  });
  return {
    host: INFERENCE_HOST,
    serve: (stream) => void server.emit("connection", stream),
  };
}

const badRequest = (fault: string) => ({
  error: "bad_request",
  detail: `The request was refused: ${fault}. Only the model is on this connection; open another one for the rest.`,
  fault,
});

function answer(res: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  res.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    connection: "close",
  });
  res.end(text);
}

function end(stream: Duplex, status: 400 | 431, body: object): void {
  if (!stream.writable) return void stream.destroy();
  const text = JSON.stringify(body);
  const phrase = status === 400 ? "Bad Request" : "Request Header Fields Too Large";
  stream.end(
    `HTTP/1.1 ${status} ${phrase}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}
