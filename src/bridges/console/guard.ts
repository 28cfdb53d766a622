/**
 * Who may speak to the console over TCP. Pure decisions, each with its reason.
 * A web page of somebody else must reach nothing: the Host must be the loopback name that we printed (DNS rebinding),
 * a foreign Origin is refused, and everything but the page itself needs the token.
 */
import { createHash, timingSafeEqual } from "node:crypto";

/** What is looked at. */
export interface GuardedRequest {
  host: string | undefined;
  origin: string | undefined;
  authorization: string | undefined;
  /** Path without query. */
  path: string;
}

/** A decision with its reason. */
export type GuardDecision = { kind: "allow" } | { kind: "deny"; status: 401 | 403; reason: string };

/** Decides for one request. */
export function guardRequest(
  request: GuardedRequest,
  expected: { port: number; token: string },
): GuardDecision {
  const hosts = [`127.0.0.1:${expected.port}`, `localhost:${expected.port}`];
  if (!hosts.includes(request.host ?? "")) return { kind: "deny", status: 403, reason: "unexpected Host" };
  if (request.origin !== undefined && !hosts.map((host) => `http://${host}`).includes(request.origin)) {
    return { kind: "deny", status: 403, reason: "foreign Origin" };
  }
  if (!request.path.startsWith("/api/")) return { kind: "allow" };
  const given = /^Bearer (\S+)$/.exec(request.authorization ?? "")?.[1] ?? "";
  if (!sameSecret(given, expected.token))
    return { kind: "deny", status: 401, reason: "token missing or wrong" };
  return { kind: "allow" };
}

/** Compares digests, so that neither length nor time tells anything. */
function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Headers of every answer: nothing from elsewhere, no script but ours, no framing, no sniffing. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};
