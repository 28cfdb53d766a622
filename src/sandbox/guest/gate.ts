/**
 * Warm turns share the gateway; a one-shot run needs the state directory for itself. Fair: first come, first served.
 */

/** A lock that many may share or one may have alone. */
export class Gate {
  #shared = 0;
  #alone = false;
  readonly #queue: { alone: boolean; enter: () => void }[] = [];

  /** Waits for its turn; call the result to leave. */
  enter(alone: boolean): Promise<() => void> {
    return new Promise((resolve) => {
      this.#queue.push({ alone, enter: () => resolve(this.#leave(alone)) });
      this.#next();
    });
  }

  #leave(alone: boolean): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      if (alone) this.#alone = false;
      else this.#shared -= 1;
      this.#next();
    };
  }

  #next(): void {
    for (let first = this.#queue[0]; first; first = this.#queue[0]) {
      if (this.#alone || (first.alone && this.#shared > 0)) return;
      this.#queue.shift();
      if (first.alone) this.#alone = true;
      else this.#shared += 1;
      first.enter();
    }
  }
}
