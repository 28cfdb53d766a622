/**
 * Everything of one sandbox that is open upstream, so that a policy that tightens closes what it no longer allows, and
 * so that the tunnels can be counted.
 */
import { Bag, type Bagged } from "../../../lib/bag.ts";

/** Something open. */
export interface Open extends Bagged {
  /** Asks the policy again. */
  allowed(): boolean;
  close(): void;
}

/** The open ones. */
export class OpenSet {
  private readonly entries = new Bag<Open>();
  private slots = 0;

  /** Takes one of `limit` slots for a tunnel, before anything is waited for; undefined when all are taken. */
  slot(limit: number): (() => void) | undefined {
    if (this.slots >= limit) return undefined;
    this.slots++;
    let held = true;
    return () => {
      if (held) this.slots--;
      held = false;
    };
  }

  add(entry: Open): void {
    this.entries.add(entry);
  }

  remove(entry: Open): void {
    this.entries.delete(entry);
  }

  /** Judges all again; returns how many were closed. */
  judge(): number {
    let closed = 0;
    for (const entry of this.entries.all()) {
      if (entry.allowed()) continue;
      this.entries.delete(entry);
      entry.close();
      closed++;
    }
    return closed;
  }

  /** Closes all. */
  closeAll(): void {
    for (const entry of this.entries.all()) {
      this.entries.delete(entry);
      entry.close();
    }
  }
}
