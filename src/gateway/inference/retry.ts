/**
 * What to do after a failed attempt: again, the next vendor, or give up. Pure.
 * Only failures before the first byte come here. No attempt starts after the budget for retries, so a vendor that
 * fails fast has failed for good before the agent's own retries would begin.
 */
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { InferenceCode } from "./errors.ts";

/** How one attempt ended before its first byte. */
export interface Failure {
  code: InferenceCode;
  /** The same vendor may answer when asked again. */
  again: boolean;
  /** Another vendor may answer (refused keys, unknown models, outages); false for a request that is bad itself. */
  elsewhere: boolean;
  /** The vendor's own wish. */
  retryAfterMs?: number;
}

/** The next step. */
export type NextStep = { kind: "again"; waitMs: number } | { kind: "next" } | { kind: "give-up" };

const MAX_TRIES = 4;
const BASE_MS = 250;
const MAX_BACKOFF_MS = 4_000;

/** Decides; `tries` = attempts already made at this vendor, `elapsedMs` since the call began. */
export function nextStep(
  failure: Failure,
  tries: number,
  elapsedMs: number,
  hasNext: boolean,
  random: () => number = Math.random,
  budgetMs: number = TIMEOUTS.routerFinalError,
): NextStep {
  const left = budgetMs - elapsedMs;
  if (failure.again && tries < MAX_TRIES) {
    const backoff = Math.min(MAX_BACKOFF_MS, BASE_MS * 2 ** (tries - 1));
    const waitMs = Math.max(Math.round(backoff * (0.5 + random() / 2)), failure.retryAfterMs ?? 0);
    // With another vendor at hand a long wait is pointless.
    const patience = hasNext ? Math.min(left, 2_000) : left;
    if (waitMs < patience) return { kind: "again", waitMs };
  }
  return hasNext && failure.elsewhere && left > 0 ? { kind: "next" } : { kind: "give-up" };
}

/** A vendor's refusal by its status. Its text is only searched for one thing: a conversation that is too long. */
export function failureOf(
  status: number,
  body: string,
  retryAfter: string | undefined,
  now = Date.now(),
): Failure {
  const wait = retryAfterMs(retryAfter, now);
  const waiting = wait === undefined ? {} : { retryAfterMs: wait };
  if (status === 429 || status === 529)
    return { code: "vendor_limited", again: true, elsewhere: true, ...waiting };
  if (status === 408 || status === 409 || status === 425 || status >= 500) {
    return { code: "vendor_failed", again: status !== 501 && status !== 505, elsewhere: true, ...waiting };
  }
  if (status === 401 || status === 402 || status === 403 || status === 404) {
    return { code: "vendor_refused_key", again: false, elsewhere: true };
  }
  if (
    status === 413 ||
    /context.{0,20}(length|window)|maximum context|prompt is too long|too many (input )?tokens/i.test(body)
  ) {
    return { code: "context_length_exceeded", again: false, elsewhere: false };
  }
  if (status >= 300 && status < 400) return { code: "vendor_failed", again: false, elsewhere: true };
  return { code: "vendor_refused_request", again: false, elsewhere: false };
}

/** `Retry-After`: seconds or an HTTP date. */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (!value) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
