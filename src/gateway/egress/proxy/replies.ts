/**
 * The proxy's own answers: JSON with a stable `error` code and a sentence that the agent can act on. They tell nothing
 * of resolvers, addresses or the host; the details go to the audit.
 */
import type { Duplex } from "node:stream";

/** Stable codes. */
export type ReplyCode =
  | "bad_request"
  | "policy_denied"
  | "ssrf_blocked"
  | "self_connection"
  | "approval_denied"
  | "approval_timeout"
  | "too_many_approvals"
  | "too_many_connections"
  | "header_too_large"
  | "header_timeout"
  | "upstream_unreachable"
  | "upstream_timeout"
  | "upstream_tls_invalid"
  | "inspection_unavailable"
  | "credential_endpoint_mismatch"
  | "response_unscrubbable"
  | "audit_unavailable"
  | "unavailable";

/** An answer. */
export interface Reply {
  readonly status: number;
  readonly code: ReplyCode;
  readonly detail: string;
  /** What the agent should do now. */
  readonly guidance?: string;
  readonly fields?: Readonly<Record<string, string | number>>;
}

const PHRASES: Record<number, string> = {
  400: "Bad Request",
  403: "Forbidden",
  408: "Request Timeout",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

const GO_ON =
  "Do not retry in a loop. Go on without it, or tell the user which destination you need and what for.";

/** Each code's status and sentences. */
const TABLE: Record<ReplyCode, { status: number; detail: string; guidance?: string }> = {
  bad_request: { status: 400, detail: "The request can't be read without doubt and was not sent anywhere." },
  policy_denied: { status: 403, detail: "The policy of this sandbox does not allow this.", guidance: GO_ON },
  ssrf_blocked: {
    status: 403,
    detail: "This destination is not on the public internet and is never reached from here.",
    guidance: GO_ON,
  },
  self_connection: { status: 403, detail: "This is the proxy itself.", guidance: GO_ON },
  approval_denied: {
    status: 403,
    detail: "The user was asked and said no.",
    guidance: "Do not ask for it again in this task. Go on without it.",
  },
  approval_timeout: {
    status: 403,
    detail: "The user was asked and has not answered yet.",
    guidance:
      "The question is still open. Go on with other work and try this once more in a few minutes, or tell the user that you wait for it.",
  },
  too_many_approvals: {
    status: 429,
    detail: "Too many questions to the user are open.",
    guidance: "Wait for answers before you try new destinations.",
  },
  too_many_connections: {
    status: 429,
    detail: "This sandbox has too many open connections.",
    guidance: "Close some and try again.",
  },
  header_too_large: { status: 431, detail: "The request's header is too large." },
  header_timeout: { status: 408, detail: "The request's header did not arrive in time." },
  upstream_unreachable: { status: 502, detail: "The destination could not be reached." },
  upstream_timeout: { status: 504, detail: "The destination did not answer in time." },
  upstream_tls_invalid: {
    status: 502,
    detail: "The destination's TLS certificate is not valid for it, so nothing was sent.",
    guidance: GO_ON,
  },
  inspection_unavailable: {
    status: 403,
    detail: "Requests to this destination must be inspected, and this gateway can't do that here.",
    guidance: GO_ON,
  },
  credential_endpoint_mismatch: {
    status: 403,
    detail:
      "A credential's placeholder may only be sent to the destination that the credential is for, in its own header.",
    guidance:
      "Send the placeholder only where the credential belongs, or ask the operator to change its binding.",
  },
  response_unscrubbable: {
    status: 502,
    detail: "The answer came in a form that can't be searched for the credential, and was not passed on.",
    guidance: "Ask for it whole and uncompressed, or without the credential.",
  },
  audit_unavailable: {
    status: 503,
    detail: "Nothing may leave while it can't be recorded.",
    guidance: "Try again in a few minutes.",
  },
  unavailable: { status: 503, detail: "Please try again." },
};

/** Makes an answer; `fields` are added to its body. */
export function reply(code: ReplyCode, fields?: Reply["fields"]): Reply {
  return { code, ...TABLE[code], ...(fields ? { fields } : {}) };
}

/** The answer as bytes. The connection ends with it: what follows in it was meant for elsewhere. */
export function replyBytes({ status, code, detail, guidance, fields }: Reply, bodyless = false): string {
  const body = JSON.stringify({
    error: code,
    detail,
    ...fields,
    ...(guidance ? { agent_guidance: guidance } : {}),
  });
  const retry = status === 503 || status === 429 ? "Retry-After: 5\r\n" : "";
  return (
    `HTTP/1.1 ${status} ${PHRASES[status] ?? "Error"}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n${retry}Connection: close\r\n\r\n${bodyless ? "" : body}`
  );
}

/** How long a client may take to read a last answer. */
const LINGER_MS = 1_000;

/** Answers and ends the connection. What the client still sends is read and dropped, so that it sees the answer. */
export function finishWith(stream: Duplex, last?: string): void {
  if (stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), LINGER_MS);
  stream.once("close", () => clearTimeout(timer));
  stream.on("error", () => stream.destroy());
  if (last === undefined) stream.end();
  else stream.end(last);
  stream.resume();
}
