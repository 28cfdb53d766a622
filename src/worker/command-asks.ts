/**
 * OpenClaw's questions before commands, of one turn: handed to the gateway, which shows them on cards, and answered with
 * what became of the card. A courtesy inside the sandbox, so whatever goes wrong here is a "no" and nothing else.
 */
import { derivedId } from "../lib/ids.ts";
import type { Logger } from "../lib/logging.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { CommandDecision, TurnEvent } from "../sandbox/index.ts";
import type { ApprovalPort, ApprovalState, CommandAskPort } from "../store/index.ts";
import { TokenBucket } from "./control/bucket.ts";

/** What it needs. */
export interface CommandAsksDeps {
  readonly store: CommandAskPort;
  readonly approvals: Pick<ApprovalPort, "get">;
  readonly principal: string;
  readonly turnId: string;
  readonly log: Logger;
  /** Tells the guest; rejects when it can't be told now. */
  answer(ask: string, decision: CommandDecision): Promise<unknown>;
}

/** How often the card is looked at: well below what a person notices. */
const LOOK_MS = 300;
/** Questions of one turn that may wait at once. */
const MOST = 5;
/** Questions of one turn in all: each is a card in a chat, also when the agent takes it back at once. */
const PACE = { perSecond: 1 / 6, burst: 10 };

const DECISIONS: Partial<Record<ApprovalState, CommandDecision>> = {
  "allowed-once": "allow-once",
  "allowed-always": "allow-always",
};

/** See the module's header. */
export class CommandAsks {
  readonly #deps: CommandAsksDeps;
  /** By OpenClaw's id. */
  readonly #waiting = new Map<string, { approvalId: string; timer: NodeJS.Timeout; until: number }>();
  readonly #pace = new TokenBucket(PACE, performance.now());
  #closed = false;

  constructor(deps: CommandAsksDeps) {
    this.#deps = deps;
  }

  /** Takes the turn's events that are about commands. */
  event(event: Extract<TurnEvent, { kind: "ask" | "ask-over" }>): void {
    if (event.kind === "ask") void this.#ask(event);
    else this.#over(event.ask);
  }

  /** The turn is over or somebody else's. `withdraw`: nobody waits for the answers any more. */
  close(withdraw: boolean): void {
    this.#closed = true;
    for (const [ask, { timer }] of this.#waiting) {
      clearTimeout(timer);
      if (withdraw) this.#over(ask);
    }
    this.#waiting.clear();
  }

  async #ask({ ask, command, cwd, always }: Extract<TurnEvent, { kind: "ask" }>): Promise<void> {
    const { store, principal, turnId, log } = this.#deps;
    if (this.#closed || this.#waiting.has(ask)) return;
    if (this.#waiting.size >= MOST || this.#pace.waitFor(1, performance.now()) > 0) {
      this.#deps.answer(ask, "deny").catch(() => {}); // not a line of the log each
      return;
    }
    this.#pace.take(1);
    const approvalId = derivedId("a", turnId, ask);
    const until = performance.now() + TIMEOUTS.decide;
    this.#waiting.set(ask, { approvalId, until, timer: this.#lookLater(ask) });
    try {
      await store.put(principal, { approvalId, turnId, command, cwd, always });
    } catch (err) {
      log.warn({ err }, "a command's question could not be asked");
      this.#waiting.delete(ask);
      await this.#say(ask, "deny");
    }
  }

  #lookLater(ask: string): NodeJS.Timeout {
    return setTimeout(() => void this.#look(ask), LOOK_MS);
  }

  async #look(ask: string): Promise<void> {
    const waiting = this.#waiting.get(ask);
    if (!waiting || this.#closed) return;
    const { store, approvals, principal } = this.#deps;
    const record = await approvals.get(principal, waiting.approvalId).catch(() => undefined);
    if (this.#closed || this.#waiting.get(ask) !== waiting) return;
    const settled = record !== undefined && record.state !== "pending";
    if (settled || performance.now() > waiting.until) {
      this.#over(ask);
      await this.#say(ask, (record && DECISIONS[record.state]) ?? "deny");
      return;
    }
    // The hint may have been lost, or the gateway was away.
    if (!record) store.remind(principal);
    waiting.timer = this.#lookLater(ask);
  }

  /** Nobody waits for it any more. */
  #over(ask: string): void {
    const waiting = this.#waiting.get(ask);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(ask);
    this.#deps.store.withdraw(this.#deps.principal, waiting.approvalId).catch(() => {}); // it expires by itself
  }

  async #say(ask: string, decision: CommandDecision): Promise<void> {
    await this.#deps.answer(ask, decision).catch((err: unknown) => {
      // OpenClaw's own time is bounded too, and ends in a "no".
      this.#deps.log.warn({ err, decision }, "the agent didn't hear about its command");
    });
  }
}
