/** What root's own configuration gives to one sandbox at most, whatever the worker asks for: it may have been taken over. */
import { Fault } from "../../lib/errors.ts";
import type { Limits } from "../driver.ts";

/** Every limit; without a cap is above every cap. */
export function refuseAbove(asked: Limits, ceiling: Limits): void {
  const amounts = ({ cpus, ...rest }: Limits) => ({ ...rest, cpus: cpus || Number.POSITIVE_INFINITY });
  const most = amounts(ceiling);
  for (const [limit, amount] of Object.entries(amounts(asked))) {
    const allowed = most[limit as keyof Limits];
    if (amount <= allowed) continue;
    throw new Fault({
      code: "sandbox-above-ceiling",
      message: `${limit}: ${amount} was asked for, ${allowed} is allowed for a sandbox`,
      hint: `if it should be more: worker.profile.limits.${limit} in config.yaml, then nemoclaw reload`,
    });
  }
}
