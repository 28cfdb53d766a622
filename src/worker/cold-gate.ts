/**
 * How many agents may start at once: a start takes all of two cores for 20 s. Those with a waiting turn go first,
 * also when the turn came after the start was asked for.
 */

/** See the module's header. */
export class ColdGate {
  readonly #permits: number;
  #running = 0;
  readonly #queue: { urgent: () => boolean; go: () => void }[] = [];

  constructor(permits: number) {
    this.#permits = permits;
  }

  /** Runs `work` when its turn has come. `urgent` is asked each time a place becomes free. */
  async run<T>(urgent: () => boolean, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#permits) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#queue.push({ urgent, go: resolve });
      await promise; // the place is handed over, #running stays
    } else this.#running++;
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  get waiting(): number {
    return this.#queue.length;
  }

  #next(): void {
    const at = Math.max(
      0,
      this.#queue.findIndex((entry) => entry.urgent()),
    );
    const [entry] = this.#queue.splice(at, 1);
    if (entry) entry.go();
    else this.#running--;
  }
}
