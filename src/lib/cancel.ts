/**
 * Cancelling for hot paths: what listeners need of an AbortSignal, without what an EventTarget costs (several kilobytes
 * and a dozen microseconds per connection where four of them are made). Every AbortSignal is a `Cancel`; who needs a
 * real one from a `Canceller` asks for it.
 */

/** Something that may be called off. As with an AbortSignal, a listener that comes too late isn't called. */
export interface Cancel {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Reason of real signals made here: the one that is made up otherwise carries a stack. */
const REASON = "called off";

/** Calls off, once. */
export class Canceller implements Cancel {
  aborted = false;
  private listeners: (() => void)[] = [];

  /** Tells all listeners, in the order they came. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) listener();
  }

  addEventListener(_type: "abort", listener: () => void): void {
    if (!this.aborted && !this.listeners.includes(listener)) this.listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const at = this.listeners.indexOf(listener);
    if (at >= 0) this.listeners.splice(at, 1);
  }

  /** A real signal that aborts with this. */
  toSignal(): AbortSignal {
    const controller = new AbortController();
    const abort = () => controller.abort(REASON);
    if (this.aborted) abort();
    else this.addEventListener("abort", abort);
    return controller.signal;
  }
}
