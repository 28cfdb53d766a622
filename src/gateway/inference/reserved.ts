/**
 * What a call costs: held against the day's allowance before a vendor hears of it, settled by what it turned out to use,
 * whatever happens in between.
 */
import type { Call, CallDeps, CallEnd } from "./call-types.ts";
import { type Caller, patiently } from "./caller.ts";
import type { InferenceError } from "./errors.ts";
import { sendError } from "./reply.ts";
import type { ResolvedTarget } from "./targets.ts";
import { microsOf, type Tokens } from "./usage.ts";

/** What is held, and for whom. */
export interface Hold {
  held: Tokens;
  targets: readonly ResolvedTarget[];
  profile: Caller["profile"];
}

/** Reserves, does the work, settles. A call that doesn't fit is refused here. */
export async function reserved(
  deps: CallDeps,
  call: Call,
  { held, targets, profile }: Hold,
  work: () => Promise<CallEnd>,
): Promise<CallEnd> {
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
    const answer = await patiently(call, deps.timeouts, () =>
      deps.usage.reserve(call.sandboxId, reservation, {
        ...(tokens === undefined ? {} : { tokens }),
        ...(micros === undefined ? {} : { micros }),
      }),
    );
    if (answer.kind === "denied") return refuse({ code: "allowance_used" });
  } catch {
    // The reservation may have been made before its reply was lost.
    deps.settler.settle(call.sandboxId, call.ref, unused(call.turnId));
    return refuse({ code: "store_unreachable" });
  }
  let end: CallEnd | undefined;
  try {
    end = await work();
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
