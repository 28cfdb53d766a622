/**
 * Trying again what failed for a reason that passes (a Fault that says `retryable`), with growing pauses.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../lib/errors.ts";

/** Repeats `work` until it succeeds, fails for good, or time is up (then its last error is thrown). */
export async function retrying<T>(
  work: () => Promise<T>,
  options: { withinMs: number; while?: () => boolean },
): Promise<T> {
  const deadline = performance.now() + options.withinMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    try {
      return await work();
    } catch (error) {
      const again = error instanceof Fault && error.retryable && (options.while?.() ?? true);
      if (!again || performance.now() + pauseMs > deadline) throw error;
      await sleep(pauseMs);
    }
  }
}
