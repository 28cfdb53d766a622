/**
 * Keeps a process up to date on who gets in: asks for the revision every half second and on every hint, and tells when it
 * changed. Whoever keeps what he read may use it only while {@link AccessWatch.fresh} says so: a lost hint or a Redis
 * that is away can then keep nobody in for longer than a second.
 */
import type { AccessReadPort } from "./access-ports.ts";

/** How often the revision is asked for. */
const LOOK_MS = 400;
/** What was read holds this long after the last answer. */
const FRESH_MS = 1_000;

/** See the module's header. */
export class AccessWatch {
  readonly #port: Pick<AccessReadPort, "rev" | "onChange">;
  readonly #listeners = new Set<() => void>();
  #rev = -1;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #asking = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #off: (() => Promise<void>) | undefined;

  constructor(port: Pick<AccessReadPort, "rev" | "onChange">) {
    this.#port = port;
  }

  /** Whether what was read since the last change still holds. */
  get fresh(): boolean {
    return performance.now() - this.#answeredAt < FRESH_MS;
  }

  /** Starts to look; resolves when the first answer is in or Redis didn't give one. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
    this.#off = await this.#port.onChange(() => this.#hint());
    await this.#look();
  }

  /** Calls back after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#off?.();
  }

  #hint(): void {
    // At once, not when the revision is read: what is kept is certainly old.
    for (const listener of this.#listeners) listener();
    void this.#look();
  }

  async #look(): Promise<void> {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    const askedAt = performance.now();
    try {
      const rev = await this.#port.rev();
      if (rev !== this.#rev) {
        this.#rev = rev;
        for (const listener of this.#listeners) listener();
      }
      this.#answeredAt = askedAt;
    } catch {
      // Not fresh any more, soon: then everything is read anew, or refused.
    } finally {
      this.#asking = false;
      if (this.#again) {
        this.#again = false;
        void this.#look();
      }
    }
  }
}
