/**
 * The operator's wishes about this host's queue, looked at once a second: begin no new turns; hand a failed turn in again.
 * A retry is a message of its own, with an update key made from the turn's id: it can't be handed in twice.
 */
import { describeError } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import { type IngressPort, repeated, type TurnPort, type TurnRecord, type WishPort } from "../store/index.ts";

/** What it needs. */
export interface WishDeps {
  log: Logger;
  wishes: WishPort;
  turns: Pick<TurnPort, "finished">;
  ingress(bridge: string): Pick<IngressPort, "accept">;
  /** Only the acting worker takes wishes. */
  acting(): boolean;
}

/** See the module's header. */
export class Wishes {
  readonly #deps: WishDeps;
  #paused = false;
  #looking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: WishDeps) {
    this.#deps = deps;
  }

  /** No new turns, as last seen. While Redis is away: as it was. */
  get paused(): boolean {
    return this.#paused;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#look(), TIMEOUTS.sweep);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The first look, before any turn begins: a pause outlives the worker. */
  async first(): Promise<void> {
    await this.#look();
  }

  async #look(): Promise<void> {
    const { log, wishes, acting } = this.#deps;
    if (this.#looking || !acting()) return;
    this.#looking = true;
    try {
      const paused = await wishes.paused();
      if (paused !== this.#paused) log.info({ paused }, "the operator's wish about new turns");
      this.#paused = paused;
      await wishes.takeRetries((turn) => this.#retry(turn));
    } catch (error) {
      log.debug({ reason: describeError(error) }, "the operator's wishes could not be read");
    } finally {
      this.#looking = false;
    }
  }

  async #retry({ conversation, turnId }: Pick<TurnRecord, "conversation" | "turnId">): Promise<void> {
    const { log, turns, ingress } = this.#deps;
    const turn = await turns.finished(conversation, turnId);
    if (!turn || (turn.state !== "failed" && turn.state !== "interrupted")) {
      log.warn({ turnId, state: turn?.state ?? "unknown" }, "a retry was asked for a turn that didn't fail");
      return;
    }
    const { bridge, principal, deliver } = turn;
    const result = await ingress(bridge).accept({
      ...{ conversation, bridge, principal, deliver },
      ...repeated(turn),
      updateKey: `retry.${turnId}`,
      sender: { id: "operator", name: "operator" },
    });
    log.info({ turnId, conversation, outcome: result.kind }, "a failed turn was handed in again");
  }
}
