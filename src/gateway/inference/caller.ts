/**
 * Who calls: the running turns and the profile of the call's sandbox, waited for while the store is away.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../lib/errors.ts";
import { modelAlias } from "../../lib/model-alias.ts";
import type { ProfilesPort, RunningTurn } from "../ports.ts";
import type { Call, CallDeps, CallTimeouts } from "./call-types.ts";
import type { InferenceError } from "./errors.ts";
import { readBody } from "./read-body.ts";

/** What the store knows of a caller. */
export interface Caller {
  turns: RunningTurn[];
  profile: Awaited<ReturnType<ProfilesPort["get"]>>;
}

/** A turn's record may reach the store a moment after its prompt has reached the agent. */
const LATE_MS = 200;

/** The caller and the body, asked for while that is still arriving. */
export async function callerAndBody(
  deps: CallDeps,
  call: Call,
): Promise<
  { kind: "ok"; caller: Caller; body: Buffer } | { kind: "refused"; error: InferenceError } | { kind: "gone" }
> {
  const asked = callerOf(deps, call);
  if (call.req.headers["content-encoding"])
    return { kind: "refused", error: { code: "bad_request", detail: "compressed bodies are not read" } };
  const read = await readBody(call.req);
  if (read.kind === "too-large") return { kind: "refused", error: { code: "request_too_large" } };
  if (read.kind === "gone") return { kind: "gone" };
  const caller = await asked;
  if (!caller) return { kind: "refused", error: { code: "store_unreachable" } };
  if (caller.turns.length === 0) caller.turns = await lateTurns(deps, call);
  return { kind: "ok", caller, body: read.body };
}

/** The turn that a call most likely belongs to: the newest whose chosen model goes by that name, else the newest. */
export function callingTurn(turns: readonly RunningTurn[], named: string): RunningTurn | undefined {
  const running = turns.filter(({ kind }) => kind === "turn");
  const isNamed = ({ model }: RunningTurn) =>
    named.startsWith("choice-") ? model !== undefined && modelAlias(model) === named : model === undefined;
  return running.find(isNamed) ?? running[0];
}

/** Undefined: the store can't be reached. Never rejects. */
async function callerOf(deps: CallDeps, call: Call): Promise<Caller | undefined> {
  try {
    const [turns, profile] = await Promise.all([
      patiently(call, deps.timeouts, () => deps.turns.current(call.sandboxId)),
      patiently(call, deps.timeouts, () => deps.profiles.get(call.sandboxId)),
    ]);
    return { turns, profile };
  } catch {
    return undefined;
  }
}

async function lateTurns(deps: CallDeps, call: Call): Promise<RunningTurn[]> {
  await sleep(LATE_MS, undefined, { signal: call.signal }).catch(() => {});
  return deps.turns.current(call.sandboxId).catch(() => []);
}

/** The store may be away for a few seconds (RELIABILITY §6): asks again until the budget for retries is over. */
export async function patiently<T>(call: Call, timeouts: CallTimeouts, ask: () => Promise<T>): Promise<T> {
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
