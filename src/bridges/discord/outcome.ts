/**
 * What became of a request to Discord, as a value: Discord said no (DiscordAPIError), asked to wait (RateLimitError), its
 * servers or a proxy failed (HTTPError), or the network did. Pure. Must never let a token out: only codes are used.
 */
import { DiscordAPIError, HTTPError, RateLimitError } from "discord.js";
import type { Outcome, RefusalReason } from "../core/index.ts";

/** Failures before anything was sent: the request certainly had no effect. */
const NEVER_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETDOWN",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** Discord's JSON error codes and what they mean for us. @see Discord, "Opcodes and Status Codes" */
const REFUSALS: Record<number, RefusalReason> = {
  10003: "unreachable",
  10004: "unreachable",
  10008: "gone",
  10015: "gone",
  10062: "gone",
  50001: "unreachable",
  50005: "gone",
  50006: "markup",
  50007: "unreachable",
  50013: "unreachable",
  50027: "gone",
  50035: "markup",
  // An edit in an archived thread; a new message opens the thread again.
  50083: "gone",
};

/** Runs a request and turns every way in which it can end into an {@link Outcome}. */
export async function outcomeOf<T>(request: Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: "ok", value: await request };
  } catch (error) {
    return failureOutcome(error);
  }
}

/** Classifies what discord.js threw. */
export function failureOutcome(error: unknown): Outcome<never> {
  if (error instanceof RateLimitError) {
    const retryAfterMs = Math.max(50, error.retryAfter, error.sublimitTimeout, error.timeToReset);
    return { kind: "not-applied", code: `discord-429 ${error.scope}`, retryAfterMs };
  }
  if (error instanceof DiscordAPIError) return apiFailure(error);
  // An error of Discord's own servers says nothing about the effect.
  if (error instanceof HTTPError) return { kind: "unknown", code: `discord-${error.status}` };
  const code = networkCode(error);
  if (NEVER_SENT.has(code)) return { kind: "not-applied", code, retryAfterMs: 0 };
  return { kind: "unknown", code };
}

function apiFailure(error: DiscordAPIError): Outcome<never> {
  const { status, code: number } = error;
  const code = `discord-${status} ${number}: ${firstLine(error.message)}`;
  // A wrong or revoked token: nothing happened, and the operator may put it right.
  if (status === 401 && number === 0) return { kind: "not-applied", code, retryAfterMs: 30_000 };
  const reason = REFUSALS[Number(number)] ?? (status === 403 ? "unreachable" : "other");
  return { kind: "refused", reason, code };
}

const firstLine = (text: string) => text.replace(/\s+/g, " ").slice(0, 200);

/** The system's or the client's code of a network failure; never its message, which may hold an address with a token. */
export function networkCode(error: unknown): string {
  const { code, name, cause } = (error ?? {}) as { code?: unknown; name?: unknown; cause?: unknown };
  if (typeof code === "string") return code;
  if (cause !== undefined) return networkCode(cause);
  return typeof name === "string" ? name : "network-failure";
}
