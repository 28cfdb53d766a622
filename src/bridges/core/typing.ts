/**
 * Keeps "typing…" alive while a turn works. Best effort: a signal that fails is simply not shown.
 * Must never outlive the turn: it ends with the final, or when nothing was heard of the turn for a while.
 */
import type { Delivery } from "../../store/index.ts";
import type { BridgePlatform } from "./port.ts";

/** A turn of which nothing is heard for this long is not shown as working any more. */
const SILENCE_MS = 120_000;

/** Typing signals of all turns of a bridge. */
export class TypingSignals {
  private readonly platform: BridgePlatform;
  private readonly active = new Map<string, { timer: NodeJS.Timeout; lastHeard: number }>();

  constructor(platform: BridgePlatform) {
    this.platform = platform;
  }

  /** A sign of life of a turn. */
  heard(turnId: string, to: Delivery): void {
    if (!this.platform.capabilities.supportsTyping) return;
    const known = this.active.get(turnId);
    if (known) {
      known.lastHeard = Date.now();
      return;
    }
    const signal = () => void this.platform.typing(to).catch(() => {});
    const entry = {
      lastHeard: Date.now(),
      timer: setInterval(() => {
        if (Date.now() - entry.lastHeard > SILENCE_MS) this.stop(turnId);
        else signal();
      }, this.platform.limits.typingIntervalMs),
    };
    this.active.set(turnId, entry);
    signal();
  }

  /** The turn has ended. */
  stop(turnId: string): void {
    const entry = this.active.get(turnId);
    if (!entry) return;
    clearInterval(entry.timer);
    this.active.delete(turnId);
  }

  /** Ends all signals. */
  close(): void {
    for (const turnId of [...this.active.keys()]) this.stop(turnId);
  }
}
