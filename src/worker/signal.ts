/**
 * Waiting for something to become true, looked at on each change and never later than a deadline.
 */
import { Fault } from "../lib/errors.ts";

/** Conditions that wait for the next {@link Signal.changed}. */
export class Signal {
  readonly #waiters = new Set<() => void>();

  changed(): void {
    for (const look of [...this.#waiters]) look();
  }

  /** Resolves once `condition` is true; rejects when it throws, or with `timed-out` at `deadline` (monotonic ms). */
  async until(condition: () => boolean, deadline: number, what: string): Promise<void> {
    if (condition()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      try {
        if (condition()) resolve();
      } catch (error) {
        reject(error);
      }
    };
    const late = () => reject(new Fault({ code: "timed-out", message: `${what} took too long` }));
    const timer = setTimeout(late, Math.max(0, deadline - performance.now()));
    this.#waiters.add(look);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(look);
    }
  }
}
