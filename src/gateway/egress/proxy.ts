/**
 * One sandbox's way out: an HTTP proxy on one listening socket. The socket is the identity; nothing in a request is.
 * Reads absolute form, origin form and CONNECT (undici tunnels plain http too), asks the decider, serves or refuses.
 * Must never open a connection by itself.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "../../lib/logging.ts";
import { answer, answerSocket, denied, malformed } from "./answers.ts";
import type { EgressDecider, EgressRequest } from "./decider.ts";
import { targetOf } from "./target.ts";

/** Limits of one sandbox's proxy. */
export const EGRESS_LIMITS = {
  headerBytes: 16 * 1024,
  headers: 64,
  headersMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 60_000,
  connections: 64,
} as const;

/** What serves `inference.local`. */
export interface InferenceHandler {
  handle(sandboxId: string, path: string, req: IncomingMessage, res: ServerResponse): void;
}

/** Makes the server; the caller lets it listen. */
export function createEgressProxy(
  sandboxId: string,
  decider: EgressDecider,
  inference: InferenceHandler,
  logger: Logger,
): Server {
  /** Connections that are the inside of a tunnel, and what the tunnel was opened to. */
  const tunnels = new WeakMap<Duplex, { host: string; port: number }>();

  const refused = (request: EgressRequest, reason: string) =>
    logger.info(
      { audit: "egress", ...request, path: request.path?.split("?")[0], verdict: "deny", reason },
      "egress",
    );

  const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const method = req.method ?? "";
    if (req.rawHeaders.length / 2 > EGRESS_LIMITS.headers) {
      return answer(res, { status: 431, body: JSON.stringify({ error: "too_many_headers" }) });
    }
    const target = targetOf(method, req.url ?? "", req.rawHeaders);
    if (!target.ok) return answer(res, malformed(target.fault));
    const tunnel = tunnels.get(req.socket);
    if (tunnel && (tunnel.host !== target.host || tunnel.port !== target.port)) {
      return answer(res, malformed("host_mismatch"));
    }
    const { host, port, path } = target;
    const request: EgressRequest = { sandboxId, scheme: "http", host, port, method, path };
    const decision = await decider.decide(request);
    if (decision.verdict === "inference") return inference.handle(sandboxId, path, req, res);
    refused(request, decision.reason);
    answer(res, denied(request, decision));
  };

  const connect = async (req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const target = targetOf("CONNECT", req.url ?? "", req.rawHeaders);
    if (!target.ok) return answerSocket(socket, malformed(target.fault));
    if (tunnels.has(socket)) return answerSocket(socket, malformed("tunnel_in_tunnel"));
    const { host, port } = target;
    const request: EgressRequest = { sandboxId, scheme: "connect", host, port };
    const decision = await decider.decide(request);
    if (decision.verdict === "deny") {
      refused(request, decision.reason);
      return answerSocket(socket, denied(request, decision));
    }
    if (!socket.writable) return;
    tunnels.set(socket, { host, port });
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) socket.unshift(head);
    // The inside of the tunnel is HTTP again: the same server reads it, with the same limits.
    server.emit("connection", socket);
  };

  const guarded = (work: Promise<void>, fail: () => void) => {
    work.catch((err: unknown) => {
      logger.error({ err, sandboxId }, "egress request failed");
      fail();
    });
  };
  const internal = {
    status: 503,
    body: JSON.stringify({ error: "unavailable", detail: "Please try again." }),
  } as const;

  const server = createServer({
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: EGRESS_LIMITS.headerBytes,
    headersTimeout: EGRESS_LIMITS.headersMs,
    requestTimeout: EGRESS_LIMITS.requestMs,
    keepAliveTimeout: EGRESS_LIMITS.keepAliveMs,
    connectionsCheckingInterval: 2_000,
    noDelay: true,
  });
  server.maxConnections = EGRESS_LIMITS.connections;
  server.on("request", (req, res) => guarded(serve(req, res), () => answer(res, internal)));
  server.on("connect", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    guarded(connect(req, socket, head), () => answerSocket(socket, internal));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET") return void socket.destroy();
    const large = error.code === "HPE_HEADER_OVERFLOW";
    answerSocket(
      socket,
      large ? { status: 431, body: JSON.stringify({ error: "header_too_large" }) } : malformed("unreadable"),
    );
  });
  return server;
}
