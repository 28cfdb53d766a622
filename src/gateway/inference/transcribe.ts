/**
 * Speech into text: a sandbox hands in a recording as it is, and gets `{"text": …}`. The vendor's form is made here, so that
 * nothing of the sandbox's but the bytes of the recording reaches the vendor. Must never log or answer with more than that.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Call, CallDeps, CallEnd } from "./call-types.ts";
import { callerAndBody } from "./caller.ts";
import type { InferenceError } from "./errors.ts";
import { sendError, sendJson } from "./reply.ts";
import { reserved } from "./reserved.ts";
import { nextStep } from "./retry.ts";
import { SecretGuard } from "./secret-guard.ts";
import { type ResolvedTarget, resolveTarget } from "./targets.ts";
import { readUsage, type Tokens } from "./usage.ts";
import { callVendor, type StreamSink, type VendorRequest } from "./vendor-call.ts";

/** What is taken, and the file name's ending by which vendors tell the format. */
const FORMATS: Readonly<Record<string, string>> = {
  "audio/ogg": "ogg",
  "audio/opus": "ogg",
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
  "audio/mp4": "m4a",
  "audio/m4a": "m4a",
  "audio/x-m4a": "m4a",
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/webm": "webm",
  "audio/flac": "flac",
  "video/mp4": "mp4",
  "video/webm": "webm",
};

/** A vendor that bills by the minute tells seconds: so many tokens each count towards allowance and price. */
const TOKENS_PER_SECOND = 20;
/** Bytes of a second of recorded speech, low, so that what is held errs upwards. */
const BYTES_PER_SECOND = 2_000;
/** Tokens of text for a second of fast speech. */
const TEXT_PER_SECOND = 5;

const Answer = z.object({
  text: z.string(),
  usage: z.looseObject({ type: z.string().optional(), seconds: z.number().min(0).optional() }).optional(),
});

/** Serves the call; resolves when the answer has been handed to the socket and the usage to the settler. */
export async function serveTranscription(deps: CallDeps, call: Call): Promise<CallEnd> {
  const refuse = (error: InferenceError): CallEnd => {
    sendError(call.res, error, call.dialect, call.ref);
    return { verdict: error.code, attempts: 0 };
  };
  const read = await callerAndBody(deps, call);
  if (read.kind === "refused") return refuse(read.error);
  if (read.kind === "gone") return { verdict: "cancelled", attempts: 0 };
  const { caller, body } = read;
  const turn = caller.turns.find((one) => one.kind === "turn");
  call.turnId = turn?.turnId ?? "";
  const { transcription, limits } = deps.config;
  if (!transcription) return refuse({ code: "transcription_off" });
  const type = String(call.req.headers["content-type"] ?? "").toLowerCase();
  const format = Object.hasOwn(FORMATS, type) ? FORMATS[type] : undefined;
  if (format === undefined) return refuse({ code: "bad_request", detail: "not a recording that is known" });
  if (body.length === 0) return refuse({ code: "bad_request", detail: "the recording is empty" });
  const target = targetOf(deps, transcription);
  if (!target) return refuse({ code: "not_configured" });
  if ((caller.profile?.dailyMicros ?? limits.dailyMicros) !== undefined && !target.price)
    return refuse({ code: "price_unknown" });
  const admission = deps.limits.admit(call.sandboxId, turn === undefined);
  if (admission.kind === "idle") return refuse({ code: "no_running_turn" });
  if (admission.kind === "limited")
    return refuse({ code: "rate_limited", retryAfterSeconds: admission.retryAfterSeconds });
  try {
    const held = tokensOf(body.length / BYTES_PER_SECOND);
    const request = formOf(target, type, format, body);
    return await reserved(deps, call, { held, targets: [target], profile: caller.profile }, () =>
      attempts(deps, call, target, request, held),
    );
  } finally {
    admission.release();
  }
}

function targetOf(deps: CallDeps, choice: { provider: string; model: string }): ResolvedTarget | undefined {
  try {
    const resolved = resolveTarget(deps.config, deps.keys, choice, "transcription");
    if (resolved.ok) return resolved.target;
    deps.logger.warn(resolved.unusable, "vendor of transcriptions can't be used");
  } catch (err) {
    deps.logger.error({ err, provider: choice.provider }, "vendor of transcriptions can't be used");
  }
  return undefined;
}

/** OpenAI: POST /audio/transcriptions, multipart/form-data. */
function formOf(target: ResolvedTarget, type: string, format: string, body: Buffer): VendorRequest {
  const boundary = `nemoclaw-${randomBytes(18).toString("hex")}`;
  const field = (name: string, value: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const head =
    `${field("model", target.model)}${field("response_format", "json")}--${boundary}\r\n` +
    `Content-Disposition: form-data; name="file"; filename="recording.${format}"\r\nContent-Type: ${type}\r\n\r\n`;
  return {
    path: target.path,
    headers: {
      "content-type": `multipart/form-data; boundary=${boundary}`,
      accept: "application/json",
      "accept-encoding": "identity",
      "user-agent": "nemoclaw-bridge",
      ...(target.key === undefined ? {} : { authorization: `Bearer ${target.key}` }),
    },
    body: Buffer.concat([Buffer.from(head), body, Buffer.from(`\r\n--${boundary}--\r\n`)]),
    stream: false,
  };
}

/** Nothing is streamed here. */
const NO_STREAM: StreamSink = { begin() {}, data: () => ({ more: true }), end() {} };

async function attempts(
  deps: CallDeps,
  call: Call,
  target: ResolvedTarget,
  request: VendorRequest,
  held: Tokens,
): Promise<CallEnd> {
  const where = { provider: target.name, model: target.model };
  const estimated = { ...held, estimated: true };
  /** The vendor may have worked, and billed, without an answer that is of use. */
  let billed = false;
  for (let tries = 1; ; tries++) {
    const outcome = await callVendor(
      deps.pools.of(target.origin),
      request,
      NO_STREAM,
      deps.timeouts,
      call.signal,
    );
    const end = { ...where, attempts: tries };
    if (outcome.kind === "json") return { ...end, ...answered(call, target, outcome.body, held) };
    if (outcome.kind === "aborted") {
      const late = call.signal.reason === "total";
      if (late) sendError(call.res, { code: "vendor_too_long" }, call.dialect, call.ref);
      const tokens = outcome.sent || billed ? { tokens: estimated } : {};
      return { ...end, ...tokens, verdict: late ? "vendor_too_long" : "cancelled" };
    }
    // A stream was never asked for.
    if (outcome.kind === "streamed") return { ...end, verdict: "vendor_failed", tokens: estimated };
    const { failure, status, cause } = outcome;
    billed ||= outcome.sent && (status ?? 200) === 200;
    const elapsed = performance.now() - call.startedAt;
    const step = nextStep(failure, tries, elapsed, false, Math.random, deps.timeouts.routerFinalError);
    deps.logger.warn(
      { ref: call.ref, provider: target.name, code: failure.code, status, cause, next: step.kind },
      "transcription failed",
    );
    if (step.kind !== "again") {
      sendError(call.res, { code: failure.code }, call.dialect, call.ref);
      return {
        ...end,
        verdict: failure.code,
        ...(status === undefined ? {} : { status }),
        ...(cause === undefined ? {} : { cause }),
        ...(billed ? { tokens: estimated } : {}),
      };
    }
    await sleep(step.waitMs, undefined, { signal: call.signal }).catch(() => {});
  }
}

/** The text alone goes on. */
function answered(
  call: Call,
  target: ResolvedTarget,
  body: Buffer,
  held: Tokens,
): Pick<CallEnd, "verdict" | "tokens" | "firstByteMs"> {
  const bad = (code: "answer_blocked" | "vendor_failed") => {
    sendError(call.res, { code }, call.dialect, call.ref);
    return { verdict: code, tokens: { ...held, estimated: true } };
  };
  if (new SecretGuard(target.key).hit(body.toString("latin1"))) return bad("answer_blocked");
  let answer: z.output<typeof Answer>;
  try {
    answer = Answer.parse(JSON.parse(body.toString("utf8")));
  } catch {
    return bad("vendor_failed");
  }
  sendJson(call.res, 200, JSON.stringify({ text: answer.text }));
  const { seconds } = answer.usage ?? {};
  const { input, output } = readUsage(answer.usage);
  const told = seconds === undefined ? { ...held, input, output } : tokensOf(seconds);
  return {
    verdict: "ok",
    firstByteMs: Math.round(performance.now() - call.startedAt),
    tokens: {
      input: told.input ?? held.input,
      output: told.output ?? held.output,
      estimated: told.input === undefined || told.output === undefined,
    },
  };
}

/** Tokens of so much speech. */
function tokensOf(seconds: number): Tokens {
  return { input: Math.ceil(seconds * TOKENS_PER_SECOND), output: Math.ceil(seconds * TEXT_PER_SECOND) };
}
