/**
 * What became of a Bot API request, as a value: Telegram said no (GrammyError) or the network failed (HttpError).
 * Pure. Must never let a token out: grammY's inner errors hold the whole URL, so only their codes are used.
 */
import { GrammyError, HttpError } from "grammy";
import type { Outcome, RefusalReason } from "../core/index.ts";

/** Failures before anything was sent: the request certainly had no effect. */
const NEVER_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETDOWN",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** Bot API wordings, lower-case, and what they mean for us. 400 and 403 carry no finer code. */
const REFUSALS: [RegExp, RefusalReason][] = [
  [/can't parse entities|unsupported start tag|can't find end tag|entity_|text_entity/, "markup"],
  [
    /message to edit not found|message can't be edited|message_id_invalid|message to delete not found|message can't be deleted/,
    "gone",
  ],
  [
    /chat not found|bot was blocked|user is deactivated|bot was kicked|peer_id_invalid|have no rights|not enough rights|bot can't initiate|topic_closed|chat_write_forbidden/,
    "unreachable",
  ],
];

/** Runs a request and turns every way in which it can end into an {@link Outcome}. */
export async function outcomeOf<T>(request: Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: "ok", value: await request };
  } catch (error) {
    return failureOutcome(error);
  }
}

/** Classifies what grammY threw. */
export function failureOutcome(error: unknown): Outcome<never> {
  if (error instanceof GrammyError) return apiFailure(error);
  const code = networkCode(error);
  if (NEVER_SENT.has(code)) return { kind: "not-applied", code, retryAfterMs: 0 };
  return { kind: "unknown", code };
}

function apiFailure(error: GrammyError): Outcome<never> {
  const { error_code: status, description } = error;
  const code = `telegram-${status}: ${description.slice(0, 200)}`;
  if (status === 429) {
    return { kind: "not-applied", code, retryAfterMs: (error.parameters.retry_after ?? 1) * 1_000 };
  }
  // An error of Telegram's own servers says nothing about the effect.
  if (status >= 500) return { kind: "unknown", code };
  // A wrong or revoked token: nothing happened, and the operator may put it right.
  if (status === 401 || status === 404) return { kind: "not-applied", code, retryAfterMs: 30_000 };
  const text = description.toLowerCase();
  const reason = REFUSALS.find(([pattern]) => pattern.test(text))?.[1];
  if (reason) return { kind: "refused", reason, code };
  return { kind: "refused", reason: status === 403 ? "unreachable" : "other", code };
}

/** "not modified" is how Telegram says that an edit was repeated. */
export function isNotModified(outcome: Outcome<unknown>): boolean {
  return outcome.kind === "refused" && outcome.code.includes("message is not modified");
}

/** The system's or grammY's code of a network failure; never its message. */
export function networkCode(error: unknown): string {
  const inner = error instanceof HttpError ? error.error : error;
  const { code, type, name } = inner as { code?: unknown; type?: unknown; name?: unknown };
  if (typeof code === "string") return code;
  if (typeof type === "string") return type;
  return typeof name === "string" ? name : "network-failure";
}
