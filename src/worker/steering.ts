/**
 * Messages that come while a turn runs, in mode `steer`: joined to the turn in the store first, then handed to the guest.
 * Each ends with the turn or waits again, never both: what the guest says it took (in the turn's journal) decides. What
 * may have been taken by an agent that is gone ends with the turn: nothing is ever asked twice by itself.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describeError, Fault } from "../lib/errors.ts";
import { failpoint } from "../lib/failpoints.ts";
import type { Logger } from "../lib/logging.ts";
import type { TurnRecord } from "../store/index.ts";
import type { AgentClient } from "./agent-client.ts";

/** What it needs of its turn. */
export interface SteeredTurn {
  client: Pick<AgentClient, "steer" | "connected">;
  log: Logger;
  /** As it was stored last. */
  turn(): TurnRecord;
  /** Joins what waits, in the store; false when the turn is no longer ours. */
  join(): Promise<boolean>;
  /** Messages may be handed over now. */
  running(): boolean;
  /** Another worker may have handed some over before. */
  recovered: boolean;
}

/** Pause before a message is handed over again to a guest that didn't answer. */
const AGAIN_MS = 500;

/** See the module's header. */
export class Steering {
  readonly #of: SteeredTurn;
  /** By the guest's word. */
  readonly #taken = new Set<number>();
  readonly #offered = new Set<number>();
  readonly #answered = new Set<number>();
  #work: Promise<void> = Promise.resolve();

  constructor(of: SteeredTurn) {
    this.#of = of;
  }

  /** Messages wait that may join. */
  joinable(): void {
    this.#then(async () => {
      if (!this.#of.running() || !(await this.#of.join())) return;
      failpoint("steer.after-join");
      await this.#handOver();
    });
  }

  /** The turn runs, maybe again: what was joined before and isn't taken yet is handed over. Repeating it is harmless. */
  resume(): void {
    this.#then(() => this.#handOver());
  }

  /** The guest's word about a message. */
  event({ steer, taken }: { steer: number; taken: boolean }): void {
    if (taken) this.#taken.add(steer);
    else this.#taken.delete(steer);
  }

  /** Those that end with the turn. `told`: the guest itself said how it ended, so that its journal is complete. */
  ending(told: boolean): number[] {
    const joined = (this.#of.turn().steered ?? []).map(({ seq }) => seq);
    const open = (seq: number) => !this.#answered.has(seq) && (this.#of.recovered || this.#offered.has(seq));
    return joined.filter((seq) => this.#taken.has(seq) || (!told && open(seq)));
  }

  #then(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#of.log.warn(
        { reason: describeError(error) },
        "messages could not be put before the running agent",
      );
    });
  }

  async #handOver(): Promise<void> {
    for (const { seq, text } of this.#of.turn().steered ?? [])
      if (!this.#answered.has(seq) && !this.#taken.has(seq)) await this.#offer(seq, text);
  }

  async #offer(seq: number, text: string): Promise<void> {
    while (this.#of.running()) {
      this.#offered.add(seq);
      const { turnId, fence } = this.#of.turn();
      try {
        await this.#of.client.steer(turnId, fence, seq, text);
        failpoint("steer.after-offer");
        this.#answered.add(seq);
        return;
      } catch (error) {
        if (error instanceof Fault && error.code === "agent-unreachable") {
          await sleep(AGAIN_MS);
          continue;
        }
        // It is over, or an older guest: the message is answered by the next turn.
        this.#of.log.info({ seq, reason: describeError(error) }, "message waits for the next turn");
        this.#answered.add(seq);
        return;
      }
    }
  }
}
