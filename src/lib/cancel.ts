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
  // Most have one listener or none.
  private listener: (() => void) | undefined;
  private others: (() => void)[] | undefined;

  /** Tells all listeners, in the order they came. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    const { listener, others } = this;
    this.listener = undefined;
    this.others = undefined;
    listener?.();
    if (others) for (const other of others) other();
  }

  addEventListener(_type: "abort", listener: () => void): void {
    if (this.aborted || this.listener === listener || this.others?.includes(listener)) return;
    if (!this.listener && !this.others) this.listener = listener;
    else if (this.others) this.others.push(listener);
    else this.others = [listener];
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    if (this.listener === listener) {
      this.listener = undefined;
      return;
    }
    const at = this.others?.indexOf(listener) ?? -1;
    if (at >= 0) this.others!.splice(at, 1);
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
