/**
 * A limited number of places, given round-robin by key: one principal with many waiting turns delays another by one
 * turn, not by all of them.
 */

/** See the module's header. */
export class FairSlots {
  readonly #limit: number;
  #taken = 0;
  /** Keys in the order of their next place; each with its waiting ones in order. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get hasFree(): boolean {
    return this.#taken < this.#limit;
  }

  /** Resolves when a place is taken. */
  take(key: string): Promise<void> {
    if (this.#taken < this.#limit) {
      this.#taken++;
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const queue = this.#waiting.get(key) ?? [];
    queue.push(resolve);
    this.#waiting.set(key, queue);
    return promise;
  }

  /** Takes a place at once, beyond the limit if need be: for what runs already. */
  force(): void {
    this.#taken++;
  }

  free(): void {
    const next = this.#taken > this.#limit ? undefined : this.#waiting.entries().next().value;
    if (!next) {
      this.#taken--;
      return;
    }
    const [key, queue] = next;
    const go = queue.shift();
    // Behind all others that wait.
    this.#waiting.delete(key);
    if (queue.length > 0) this.#waiting.set(key, queue);
    go?.();
  }
}
