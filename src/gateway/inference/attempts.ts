/**
 * Tries the targets of one call in order until one answers, within the budget for retries, and relays the answer.
 * Once a byte has gone to the sandbox nothing is tried again: the stream ends with an error frame instead.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Call, CallDeps, CallEnd } from "./call-types.ts";
import { answerDemo } from "./demo/index.ts";
import type { InferenceCode } from "./errors.ts";
import type { Inspected } from "./inspect.ts";
import { StreamReply, sendError, sendJson } from "./reply.ts";
import { type Failure, nextStep } from "./retry.ts";
import { SecretGuard } from "./secret-guard.ts";
import { EventTap } from "./sse.ts";
import type { ResolvedTarget } from "./targets.ts";
import { readUsage } from "./usage.ts";
import { callVendor } from "./vendor-call.ts";
import { vendorRequest } from "./vendor-request.ts";

/** Makes the attempts and answers the sandbox. */
export async function attemptTargets(
  deps: CallDeps,
  call: Call,
  request: Inspected,
  body: Buffer,
  targets: ResolvedTarget[],
  estimatedInput: number,
): Promise<CallEnd> {
  let attempts = 0;
  /** Vendors that may have worked without an answer reaching us: counted as input. */
  let unanswered = 0;
  for (let index = 0; ; index++) {
    const target = targets[index] as ResolvedTarget;
    for (let tries = 1; ; tries++) {
      attempts++;
      const result = await attempt(deps, call, request, body, target, estimatedInput);
      if (!("failure" in result)) {
        if (result.tokens && unanswered > 0) {
          result.tokens = { ...result.tokens, input: result.tokens.input + unanswered, estimated: true };
        }
        return { ...result, attempts };
      }
      if (result.billed) unanswered += estimatedInput;
      const { failure } = result;
      const elapsed = performance.now() - call.startedAt;
      const step = nextStep(
        failure,
        tries,
        elapsed,
        index + 1 < targets.length,
        Math.random,
        deps.timeouts.routerFinalError,
      );
      deps.logger.warn(
        {
          ref: call.ref,
          provider: target.name,
          code: failure.code,
          status: result.status,
          cause: result.cause,
          next: step.kind,
        },
        "model call failed",
      );
      if (step.kind === "next") break;
      if (step.kind === "give-up") {
        sendError(call.res, { code: failure.code }, call.dialect, call.ref);
        return {
          verdict: failure.code,
          provider: target.name,
          model: target.model,
          attempts,
          ...(result.status === undefined ? {} : { status: result.status }),
          ...(result.cause === undefined ? {} : { cause: result.cause }),
          ...(unanswered > 0 ? { tokens: { input: unanswered, output: 0, estimated: true } } : {}),
        };
      }
      try {
        await sleep(step.waitMs, undefined, { signal: call.signal });
      } catch {
        return { verdict: "cancelled", provider: target.name, model: target.model, attempts };
      }
    }
  }
}

/** `billed` = the vendor took the request and may charge for it. */
type Attempt =
  | Omit<CallEnd, "attempts">
  | { failure: Failure; billed: boolean; status?: number; cause?: string };

async function attempt(
  deps: CallDeps,
  call: Call,
  request: Inspected,
  body: Buffer,
  target: ResolvedTarget,
  estimatedInput: number,
): Promise<Attempt> {
  const where = { provider: target.name, model: target.model };
  if (target.builtIn) {
    const { tokens, cancelled } = await answerDemo(call, request, body, {
      warmup: false,
      slowMs: deps.config.demoSlowMs,
    });
    return { ...where, verdict: cancelled ? "cancelled" : "ok", tokens };
  }
  const guard = new SecretGuard(target.key);
  const tap = new EventTap(request.dialect, guard, request.wantsUsage || request.dialect === "anthropic");
  const sink = new StreamReply(call.res, tap, call.dialect, call.ref);
  const sent = vendorRequest(target, request, body, call.req.headers);
  const outcome = await callVendor(deps.pools.of(target.origin), sent, sink, deps.timeouts, call.signal);
  const { firstAt } = sink;
  const timing = firstAt === undefined ? {} : { firstByteMs: Math.round(firstAt - call.startedAt) };

  switch (outcome.kind) {
    case "failed":
      return {
        failure: outcome.failure,
        // An error status is an answer: nobody bills those. Silence and breaks are not.
        billed: outcome.sent && (outcome.status ?? 200) === 200,
        ...(outcome.status === undefined ? {} : { status: outcome.status }),
        ...(outcome.cause === undefined ? {} : { cause: outcome.cause }),
      };
    case "aborted": {
      const late = call.signal.reason === "total";
      if (late) sendError(call.res, { code: "vendor_too_long" }, call.dialect, call.ref);
      const tokens = outcome.sent ? { tokens: tap.tokens(estimatedInput) } : {};
      return { ...where, ...timing, ...tokens, verdict: late ? "vendor_too_long" : "cancelled" };
    }
    case "json":
      return { ...where, ...answerJson(call, outcome.body, guard, estimatedInput) };
    case "streamed": {
      const cause = outcome.cause === undefined ? {} : { cause: outcome.cause };
      return { ...where, ...timing, ...cause, tokens: tap.tokens(estimatedInput), verdict: sink.verdict };
    }
  }
}

/** A whole answer: looked through, accounted, handed on as it is. */
function answerJson(
  call: Call,
  body: Buffer,
  guard: SecretGuard,
  estimatedInput: number,
): Pick<CallEnd, "verdict" | "tokens" | "firstByteMs"> {
  const bad = (code: InferenceCode) => {
    sendError(call.res, { code }, call.dialect, call.ref);
    return {
      verdict: code,
      tokens: { input: estimatedInput, output: Math.ceil(body.length / 4), estimated: true },
    };
  };
  if (guard.hit(body.toString("latin1"))) return bad("answer_blocked");
  let answer: { usage?: unknown; error?: unknown };
  try {
    answer = JSON.parse(body.toString("utf8")) as typeof answer;
  } catch {
    return bad("vendor_failed");
  }
  if (typeof answer !== "object" || answer === null || answer.error != null) return bad("vendor_failed");
  const { input, output } = readUsage(answer.usage);
  sendJson(call.res, 200, body);
  return {
    verdict: "ok",
    firstByteMs: Math.round(performance.now() - call.startedAt),
    tokens: {
      input: input ?? estimatedInput,
      output: output ?? Math.ceil(body.length / 4),
      estimated: input === undefined || output === undefined,
    },
  };
}
