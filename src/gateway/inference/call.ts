/**
 * One inference call from its first header to its settlement: who asks, may it, what does it cost, which vendor, what
 * came back. The order is the security: judged, admitted and reserved before a vendor hears of it; settled whatever
 * happens. Must never log or answer with content, headers or keys.
 */
import type { InferenceConfig } from "../config.ts";
import { attemptTargets } from "./attempts.ts";
import type { Call, CallDeps, CallEnd } from "./call-types.ts";
import { callerAndBody, callingTurn } from "./caller.ts";
import { answerDemo } from "./demo/index.ts";
import type { InferenceCode, InferenceError } from "./errors.ts";
import { type Inspected, inspect } from "./inspect.ts";
import { offeredChoice } from "./offers.ts";
import { sendError } from "./reply.ts";
import { reserved } from "./reserved.ts";
import { choicesOf, type ResolvedTarget, resolveTarget } from "./targets.ts";
import { estimate } from "./usage.ts";

/** Serves the call; resolves when the answer has been handed to the socket and the usage to the settler. */
export async function serveCall(deps: CallDeps, call: Call): Promise<CallEnd> {
  const refuse = (error: InferenceError): CallEnd => {
    sendError(call.res, error, call.dialect, call.ref);
    return { verdict: error.code, attempts: 0 };
  };

  const read = await callerAndBody(deps, call);
  if (read.kind === "refused") return refuse(read.error);
  if (read.kind === "gone") return { verdict: "cancelled", attempts: 0 };
  const { turns, profile } = read.caller;
  const choicesFor = (named: string) =>
    choicesOf(deps.config, profile, offeredChoice(deps.config, callingTurn(turns, named)?.model));
  const allowed = (named: string) => allowedFields(deps.config, choicesFor(named)[0]?.provider);
  const inspected = inspect(read.body, call.dialect, allowed);
  if (inspected.kind === "malformed") return refuse({ code: "bad_request", detail: inspected.why });
  if (inspected.kind === "denied") {
    return refuse({ code: "inference_feature_denied", detail: `${inspected.field}: ${inspected.why}` });
  }
  const { request } = inspected;
  const turn = callingTurn(turns, request.model);
  const choices = choicesFor(request.model);
  call.turnId = turn?.turnId ?? "";
  if (!turn && turns.some((t) => t.kind === "warmup")) {
    // A warm-up turn only wakes the agent: no vendor hears of it and nobody pays.
    await answerDemo(call, request, read.body, { warmup: true, slowMs: 0 });
    return { verdict: "ok", provider: "demo", model: "warm-up", attempts: 0 };
  }

  const admission = deps.limits.admit(call.sandboxId, turn === undefined);
  if (admission.kind === "idle") return refuse({ code: "no_running_turn" });
  if (admission.kind === "limited") {
    return refuse({ code: "rate_limited", retryAfterSeconds: admission.retryAfterSeconds });
  }
  try {
    const found = usableTargets(
      deps,
      choices,
      request,
      profile?.dailyMicros ?? deps.config.limits.dailyMicros,
    );
    if (found.targets.length === 0) return refuse({ code: found.code });
    const { body } = read;
    const held = estimate(body.length, request.maxOutput);
    return await reserved(deps, call, { held, targets: found.targets, profile }, () =>
      attemptTargets(deps, call, request, body, found.targets, held.input),
    );
  } finally {
    admission.release();
  }
}

function allowedFields(config: InferenceConfig, provider: string | undefined): ReadonlySet<string> {
  return new Set(config.providers[provider as keyof InferenceConfig["providers"]]?.allowFields ?? []);
}

/** Targets that can take this request, in order; the reason for the preferred one when none can. */
function usableTargets(
  deps: CallDeps,
  choices: ReturnType<typeof choicesOf>,
  request: Inspected,
  moneyBudget: number | undefined,
): { targets: ResolvedTarget[]; code: InferenceCode } {
  const targets: ResolvedTarget[] = [];
  let code: InferenceCode | undefined;
  for (const choice of choices) {
    let resolved: ReturnType<typeof resolveTarget>;
    try {
      resolved = resolveTarget(deps.config, deps.keys, choice, request.dialect);
    } catch (err) {
      deps.logger.error({ err, provider: choice.provider }, "model vendor can't be used");
      code ??= "not_configured";
      continue;
    }
    if (!resolved.ok) {
      deps.logger.warn(resolved.unusable, "model vendor can't be used");
      code ??= resolved.unusable.why === "dialect" ? "dialect_unsupported" : "not_configured";
      continue;
    }
    const { target } = resolved;
    // A budget in money can't be kept where no price is known.
    if (moneyBudget !== undefined && !target.builtIn && !target.price) code ??= "price_unknown";
    else if (request.extras.some((field) => !target.allowFields.has(field)))
      code ??= "inference_feature_denied";
    else targets.push(target);
  }
  return { targets, code: code ?? "not_configured" };
}
