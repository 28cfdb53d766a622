/**
 * Makes sure that what was used is written: a settlement is repeated until the store takes it, also while Redis is
 * away. A gateway that dies first leaves the reservation, which keeps counting (ports.ts).
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../../lib/logging.ts";
import type { UsagePort } from "../ports.ts";

type Settlement = Parameters<UsagePort["settle"]>;

const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 5_000;

/** The settlements under way. */
export class Settler {
  readonly #usage: UsagePort;
  readonly #logger: Logger;
  readonly #open = new Set<Promise<void>>();
  #closing = false;

  constructor(usage: UsagePort, logger: Logger) {
    this.#usage = usage;
    this.#logger = logger;
  }

  /** Writes in the background. */
  settle(...settlement: Settlement): void {
    const work = this.#write(settlement).finally(() => this.#open.delete(work));
    this.#open.add(work);
  }

  async #write(settlement: Settlement): Promise<void> {
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, MAX_WAIT_MS)) {
      try {
        await this.#usage.settle(...settlement);
        return;
      } catch (err) {
        this.#logger.warn({ err, reservation: settlement[1] }, "usage not written yet");
        if (this.#closing) return;
        await sleep(wait);
      }
    }
  }

  /** Waits for open settlements, at most `ms`. */
  async close(ms: number): Promise<void> {
    this.#closing = true;
    await Promise.race([Promise.all(this.#open), sleep(ms, undefined, { ref: false })]);
  }
}
