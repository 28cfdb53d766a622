/**
 * Every way an inference call can end badly, as one table, and its form in both dialects.
 * Statuses are chosen by what the real OpenClaw does with them (docs/inference.md, "Errors"): it tries 5xx, 408, 409,
 * 424, 425, 429 and 451 again for up to 90 s, and 401, 402 and 403 make it disable its key for 1 to 10 minutes, for the
 * next turns too. 400 and 413 end the turn at once with our sentence. So a final answer is 400, and only
 * `rate_limited` is worth the agent's waiting.
 * Sentences go to the agent and the user: they hold no internals, and no word that OpenClaw reads as a billing,
 * authentication or time-out error.
 */
import type { Dialect } from "./providers.ts";

/** status, sentence. */
const TABLE = {
  not_found: [
    404,
    "This path does not exist here. Known: POST /v1/chat/completions, POST /v1/messages, POST /v1/audio/transcriptions, GET /v1/models.",
  ],
  method_not_allowed: [405, "This method is not allowed here."],
  bad_request: [400, "The request could not be read."],
  request_too_large: [413, "The request is larger than 10 MiB."],
  inference_feature_denied: [400, "The request asks for something that is not allowed here."],
  dialect_unsupported: [400, "The chosen model vendor does not speak this dialect."],
  no_running_turn: [400, "No turn is running in this sandbox, so no model may be called."],
  allowance_used: [400, "Today's model allowance is used up. It renews at 00:00 UTC."],
  price_unknown: [
    400,
    "No price is known for this model, so the daily amount can't be watched. The operator must set one.",
  ],
  rate_limited: [429, "Too many model calls of this sandbox at the moment."],
  transcription_off: [
    400,
    "Speech can't be turned into text here: the operator has configured nothing for it.",
  ],
  not_configured: [400, "No usable model is configured. The operator must choose one."],
  vendor_refused_key: [
    400,
    "The model vendor did not accept the operator's settings. The operator must check them.",
  ],
  vendor_refused_request: [400, "The model vendor did not accept the request."],
  vendor_limited: [400, "The model vendor takes no more calls at the moment. Please try again later."],
  vendor_unreachable: [400, "The model vendor could not be reached. Please try again later."],
  vendor_failed: [400, "The model vendor failed to answer. Please try again later."],
  vendor_silent: [400, "The model vendor accepted the call but sent nothing. Please try again later."],
  vendor_stalled: [400, "The model stopped in the middle of its answer. Please try again."],
  vendor_too_long: [400, "The model's answer took too long and was ended."],
  vendor_cut: [400, "The model's answer broke off. Please try again."],
  answer_blocked: [400, "The model vendor's answer was blocked because it held something secret."],
  context_length_exceeded: [
    400,
    "The conversation is longer than the model can read (maximum context length exceeded).",
  ],
  store_unreachable: [
    400,
    "The call could not be accounted for, so it was not made. Please try again in a minute.",
  ],
  internal: [400, "Something went wrong on our side. Please try again."],
} as const satisfies Record<string, readonly [number, string]>;

/** Stable code of an ending. */
export type InferenceCode = keyof typeof TABLE;

/** A bad ending as a value. */
export interface InferenceError {
  code: InferenceCode;
  /** Added to the table's sentence; must be ours, never a vendor's text. */
  detail?: string;
  retryAfterSeconds?: number;
}

/** All codes (tests read the sentences). */
export const INFERENCE_CODES = Object.keys(TABLE) as InferenceCode[];

/** HTTP status of a code. */
export function statusOf(code: InferenceCode): number {
  return TABLE[code][0];
}

/** The sentence that agent and user read. */
export function sentenceOf(error: InferenceError): string {
  return error.detail ? `${TABLE[error.code][1]} (${error.detail})` : TABLE[error.code][1];
}

const ANTHROPIC_TYPE: Record<number, string> = {
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
};

/** The error body in a dialect. `ref` is the call's id, for the operator. */
export function errorBody(error: InferenceError, dialect: Dialect, ref: string): string {
  const message = `${sentenceOf(error)} [${ref}]`;
  if (dialect === "anthropic") {
    const type = ANTHROPIC_TYPE[statusOf(error.code)] ?? "invalid_request_error";
    return JSON.stringify({ type: "error", error: { type, message, code: error.code } });
  }
  return JSON.stringify({ error: { message, type: error.code, code: error.code, param: null } });
}

/** The end of a stream that already began: an error frame, then the dialect's proper end. */
export function errorFrame(error: InferenceError, dialect: Dialect, ref: string): string {
  const body = errorBody(error, dialect, ref);
  return dialect === "anthropic" ? `event: error\ndata: ${body}\n\n` : `data: ${body}\n\ndata: [DONE]\n\n`;
}
