/**
 * One inference call from its first header to its settlement: who asks, may it, what does it cost, which vendor, what
 * came back. The order is the security: judged, admitted and reserved before a vendor hears of it; settled whatever
 * happens. Must never log or answer with content, headers or keys.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../lib/errors.ts";
import type { InferenceConfig } from "../config.ts";
import type { ProfilesPort, RunningTurn } from "../ports.ts";
import { attemptTargets } from "./attempts.ts";
import type { Call, CallDeps, CallEnd, CallTimeouts } from "./call-types.ts";
import { answerDemo } from "./demo/index.ts";
import type { InferenceCode, InferenceError } from "./errors.ts";
import { type Inspected, inspect } from "./inspect.ts";
import { offeredChoice } from "./offers.ts";
import { readBody } from "./read-body.ts";
import { sendError } from "./reply.ts";
import { choicesOf, type ResolvedTarget, resolveTarget } from "./targets.ts";
import { estimate, microsOf } from "./usage.ts";

/** A turn's record may reach the store a moment after its prompt has reached the agent. */
const LATE_MS = 200;

async function lateTurns(deps: CallDeps, call: Call): Promise<RunningTurn[]> {
  await sleep(LATE_MS, undefined, { signal: call.signal }).catch(() => {});
  return deps.turns.current(call.sandboxId).catch(() => []);
}

/** Serves the call; resolves when the answer has been handed to the socket and the usage to the settler. */
export async function serveCall(deps: CallDeps, call: Call): Promise<CallEnd> {
  // Both are needed whatever the body says: ask while it is still arriving.
  const lookups = Promise.all([
    patiently(call, deps.timeouts, () => deps.turns.current(call.sandboxId)),
    patiently(call, deps.timeouts, () => deps.profiles.get(call.sandboxId)),
  ]);
  lookups.catch(() => undefined);
  const refuse = (error: InferenceError): CallEnd => {
    sendError(call.res, error, call.dialect, call.ref);
    return { verdict: error.code, attempts: 0 };
  };

  if (call.req.headers["content-encoding"]) {
    return refuse({ code: "bad_request", detail: "compressed bodies are not read" });
  }
  const read = await readBody(call.req);
  if (read.kind === "too-large") return refuse({ code: "request_too_large" });
  if (read.kind === "gone") return { verdict: "cancelled", attempts: 0 };
  let turns: RunningTurn[];
  let profile: Awaited<ReturnType<ProfilesPort["get"]>>;
  try {
    [turns, profile] = await lookups;
  } catch {
    return refuse({ code: "store_unreachable" });
  }

  if (turns.length === 0) turns = await lateTurns(deps, call);
  const turn = turns.find((t) => t.kind === "turn");
  const choices = choicesOf(deps.config, profile, offeredChoice(deps.config, turn?.model));
  const allowed = allowedFields(deps.config, choices[0]?.provider);
  const inspected = inspect(read.body, call.dialect, allowed);
  if (inspected.kind === "malformed") return refuse({ code: "bad_request", detail: inspected.why });
  if (inspected.kind === "denied") {
    return refuse({ code: "inference_feature_denied", detail: `${inspected.field}: ${inspected.why}` });
  }
  const { request } = inspected;
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
    return await reservedCall(deps, call, request, read.body, found.targets, profile);
  } finally {
    admission.release();
  }
}

/** Reserves, calls, settles. */
async function reservedCall(
  deps: CallDeps,
  call: Call,
  request: Inspected,
  body: Buffer,
  targets: ResolvedTarget[],
  profile: Awaited<ReturnType<ProfilesPort["get"]>>,
): Promise<CallEnd> {
  const held = estimate(body.length, request.maxOutput);
  const tokens = profile?.dailyTokens ?? deps.config.limits.dailyTokens;
  const micros = profile?.dailyMicros ?? deps.config.limits.dailyMicros;
  const reservation = {
    id: call.ref,
    tokens: held.input + held.output,
    micros: Math.max(...targets.map((target) => microsOf(held, target.price))),
  };
  const refuse = (error: InferenceError): CallEnd => {
    sendError(call.res, error, call.dialect, call.ref);
    return { verdict: error.code, attempts: 0 };
  };
  try {
    const reserved = await patiently(call, deps.timeouts, () =>
      deps.usage.reserve(call.sandboxId, reservation, {
        ...(tokens === undefined ? {} : { tokens }),
        ...(micros === undefined ? {} : { micros }),
      }),
    );
    if (reserved.kind === "denied") return refuse({ code: "allowance_used" });
  } catch {
    // The reservation may have been made before its reply was lost.
    deps.settler.settle(call.sandboxId, call.ref, unused(call.turnId));
    return refuse({ code: "store_unreachable" });
  }
  let end: CallEnd | undefined;
  try {
    end = await attemptTargets(deps, call, request, body, targets, held.input);
    return end;
  } finally {
    const used = end?.tokens;
    const price = targets.find((t) => t.name === end?.provider && t.model === end?.model)?.price;
    deps.settler.settle(
      call.sandboxId,
      call.ref,
      used
        ? {
            ...used,
            model: `${end?.provider}/${end?.model}`,
            micros: microsOf(used, price),
            turnId: call.turnId,
          }
        : unused(call.turnId),
    );
  }
}

const unused = (turnId: string) => ({ model: "", input: 0, output: 0, micros: 0, estimated: false, turnId });

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

/** The store may be away for a few seconds (RELIABILITY §6): asks again until the budget for retries is over. */
async function patiently<T>(call: Call, timeouts: CallTimeouts, ask: () => Promise<T>): Promise<T> {
  for (let wait = 100; ; wait = Math.min(wait * 2, 1_000)) {
    try {
      return await ask();
    } catch (error) {
      const retryable = error instanceof Fault && error.retryable;
      const late = performance.now() - call.startedAt + wait > timeouts.routerFinalError;
      if (!retryable || late || call.signal.aborted) throw error;
      await sleep(wait);
    }
  }
}
