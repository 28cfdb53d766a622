/**
 * Turns rings into handler calls: never two at once for one conversation, at most `concurrency` in all, and after
 * every ring at least one call that began later than the ring. Holds no truth: what it forgets, the sweeper finds.
 */

/** See the module's header. */
export interface Dispatcher {
  /** Resolves when the ring is in a handler's hands (or will be seen by the one that runs). */
  ring(conversation: string): Promise<void>;
  /** No new calls until resumed; rings are kept. */
  pause(): void;
  /** No more calls; resolves when the running ones have ended. */
  close(): Promise<void>;
}

/** Makes a dispatcher; `failed` hears what a handler throws. */
export function dispatcher(
  handler: (conversation: string) => Promise<void>,
  concurrency: number,
  failed: (error: unknown, conversation: string) => void,
): Dispatcher {
  /** Conversations in a handler's hands → whether it was rung again meanwhile. */
  const running = new Map<string, boolean>();
  /** Conversations that wait for a free handler, in order, with those who wait for that. */
  const waiting = new Map<string, (() => void)[]>();
  const idle: (() => void)[] = [];
  let paused = false;
  let closed = false;

  function next(): void {
    while (!paused && !closed && running.size < concurrency) {
      const first = waiting.entries().next();
      if (first.done) break;
      const [conversation, started] = first.value;
      waiting.delete(conversation);
      void run(conversation);
      for (const resolve of started) resolve();
    }
    if (running.size === 0) for (const resolve of idle.splice(0)) resolve();
  }

  async function run(conversation: string): Promise<void> {
    do {
      running.set(conversation, false);
      try {
        await handler(conversation);
      } catch (error) {
        failed(error, conversation);
      }
    } while (running.get(conversation) && !closed && !paused);
    const again = running.get(conversation) === true;
    running.delete(conversation);
    if (again && !closed) waiting.set(conversation, []);
    next();
  }

  return {
    ring(conversation) {
      if (closed) return Promise.resolve();
      if (running.has(conversation)) {
        running.set(conversation, true);
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const others = waiting.get(conversation);
        if (others) others.push(resolve);
        else waiting.set(conversation, [resolve]);
        next();
      });
    },
    pause() {
      paused = true;
    },
    async close() {
      closed = true;
      for (const started of waiting.values()) for (const resolve of started) resolve();
      waiting.clear();
      if (running.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}
