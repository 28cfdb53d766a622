/**
 * How many turns of a principal may run at once: its profile's number, else the operator's. Known from what was read last;
 * reading is never in a message's way.
 */
import type { ProfilePort } from "../store/index.ts";

/** A profile is read again after this. Milliseconds. */
const READ_AGAIN_MS = 15_000;
const MOST = 10_000;

/** See the module's header. */
export class RunningLimits {
  readonly #profiles: Pick<ProfilePort, "get">;
  readonly #common: number;
  readonly #known = new Map<string, { most: number; readAt: number }>();

  constructor(profiles: Pick<ProfilePort, "get">, common: number) {
    this.#profiles = profiles;
    this.#common = common;
  }

  /** The principal's number as it is known now. */
  of(principal: string): number {
    const now = performance.now();
    const known = this.#known.get(principal) ?? { most: this.#common, readAt: Number.NEGATIVE_INFINITY };
    if (now - known.readAt >= READ_AGAIN_MS) {
      known.readAt = now;
      this.#known.delete(principal);
      this.#known.set(principal, known);
      void this.#read(principal, known);
    }
    return known.most;
  }

  async #read(principal: string, known: { most: number }): Promise<void> {
    if (this.#known.size > MOST) {
      const [oldest = ""] = this.#known.keys();
      this.#known.delete(oldest);
    }
    const profile = await this.#profiles.get(principal).catch(() => undefined);
    known.most = profile?.runningTurns ?? this.#common;
  }
}
