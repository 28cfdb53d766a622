/**
 * The proxy's own answers, as JSON with a stable `error` code and a sentence that the agent can act on. They tell
 * nothing of resolvers, addresses or the host.
 */

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { EgressDecision, EgressRequest } from "./decider.ts";

/** Status and body of an answer. */
export interface Answer {
  status: 400 | 403 | 431 | 503;
  body: string;
}

const REASON: Record<Answer["status"], string> = {
  400: "Bad Request",
  403: "Forbidden",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
};

/** A destination that policy denies. */
export function denied(
  request: EgressRequest,
  decision: Extract<EgressDecision, { verdict: "deny" }>,
): Answer {
  const { host, port, method, path } = request;
  const body = {
    error: "policy_denied",
    detail: decision.detail,
    reason: decision.reason,
    host,
    port,
    ...(method === undefined ? {} : { method, path: path?.split("?")[0] }),
    agent_guidance: decision.guidance,
  };
  return { status: 403, body: JSON.stringify(body) };
}

/** A request that can't be read without doubt. */
export function malformed(fault: string): Answer {
  return {
    status: 400,
    body: JSON.stringify({ error: "bad_request", detail: `The request was refused: ${fault}.`, fault }),
  };
}

/** Answers a request and ends its connection: what follows in it was meant for elsewhere. */
export function answer(res: ServerResponse, { status, body }: Answer): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  });
  res.end(body);
}

/** The same on a bare socket (CONNECT, unreadable requests). */
export function answerSocket(socket: Duplex, { status, body }: Answer): void {
  if (!socket.writable) return void socket.destroy();
  socket.end(
    `HTTP/1.1 ${status} ${REASON[status]}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
