/**
 * Whether a message follows another one of the same person there so soon that more may come: what is said in one breath is
 * then answered together. What comes alone starts at once. Discord's clients split no long text: they make a file of it.
 */
import type { InboundMessage } from "../core/index.ts";

/** More of a burst is expected for this long. Milliseconds. */
const BURST_MS = 300;
/** People in their channels that are remembered. */
const MOST = 10_000;

/** Judges messages in the order in which they come. */
export class Bursts {
  private readonly last = new Map<string, number>();

  /** How the message's turn is to wait: only behind a running turn or other messages. */
  judge({ conversation, sender }: InboundMessage): Pick<InboundMessage, "quietMs" | "quietIfAhead"> {
    const now = performance.now();
    const key = `${conversation}:${sender.id}`;
    const before = this.last.get(key) ?? Number.NEGATIVE_INFINITY;
    this.last.delete(key);
    this.last.set(key, now);
    const [oldest = ""] = this.last.keys();
    if (this.last.size > MOST) this.last.delete(oldest);
    return now - before < BURST_MS ? { quietMs: BURST_MS, quietIfAhead: true } : {};
  }
}
