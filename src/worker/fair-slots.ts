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

/** One user of the slots: holds at most one place, and gives it back once. */
export class Slot {
  readonly #slots: FairSlots;
  #held = false;
  #over = false;

  constructor(slots: FairSlots) {
    this.#slots = slots;
  }

  /** Resolves when it holds a place; false: it held one already. */
  async take(key: string): Promise<boolean> {
    if (this.#held) return false;
    await this.#slots.take(key);
    this.#held = true;
    if (this.#over) this.free();
    return true;
  }

  /** Holds one at once, beyond the limit if need be: for what runs already. */
  force(): void {
    if (this.#held) return;
    this.#slots.force();
    this.#held = true;
  }

  /** For good: a place that is still being waited for goes back as soon as it comes. */
  free(): void {
    this.#over = true;
    if (!this.#held) return;
    this.#held = false;
    this.#slots.free();
  }
}
