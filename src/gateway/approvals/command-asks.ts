/**
 * OpenClaw's own questions before commands, as cards (issue "Command approvals"). They say “inside the sandbox” and open
 * nothing outside: no grant, no rule, no egress decision comes of them, since an agent that runs code already can answer
 * such questions itself.
 */
import { createHash } from "node:crypto";
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { ApprovalPort, ApprovalRecord, CommandAskPort } from "../../store/index.ts";
import type { TurnsPort } from "../ports.ts";

/** What they need. */
export interface CommandAsksOptions {
  readonly asks: CommandAskPort;
  readonly store: ApprovalPort;
  readonly turns: TurnsPort;
  readonly epoch: string;
  readonly maxOpen: number;
  readonly logger: Logger;
}

/** Whether a card is about a command. */
export const isCommand = (record: Pick<ApprovalRecord, "command">): boolean => record.command !== undefined;

/** See the module's header. */
export class CommandAsks {
  readonly #options: CommandAsksOptions;

  constructor(options: CommandAsksOptions) {
    this.#options = options;
  }

  /** Calls back with the principal of a question that came or went. */
  listen(listener: (principal: string) => void): Promise<() => Promise<void>> {
    return this.#options.asks.onAsk(listener);
  }

  /** Puts what is new on cards, and ends cards that nobody waits for. Returns whether any is open. */
  async look(principal: string): Promise<boolean> {
    const { asks, store, turns, epoch, maxOpen, logger } = this.#options;
    const [waiting, pending, running] = await Promise.all([
      asks.list(principal),
      store.pending(principal),
      turns.current(principal),
    ]);
    for (const record of pending) {
      const awaited = waiting.some(({ approvalId }) => approvalId === record.approvalId);
      if (isCommand(record) && !awaited)
        await store.holding(principal, record.approvalId, record.attempts, 0, true);
    }
    for (const { approvalId, turnId, command, cwd, always } of waiting) {
      const turn = running.find((one) => one.kind === "turn" && one.turnId === turnId);
      if (!turn?.bridge || !turn.deliver || !turn.conversation) continue;
      if (await store.get(principal, approvalId)) continue;
      const opened = await store.open(
        principal,
        {
          approvalId,
          epoch,
          digest: createHash("sha256").update(approvalId).digest("base64url"),
          facts: {
            scheme: "command",
            host: "",
            kind: "name",
            idn: false,
            domain: "",
            port: 0,
            policyHash: "",
          },
          command: { line: command, cwd, always },
          risks: [],
          says: "",
          turnId,
          scopeId: turn.scopeId,
          conversation: turn.conversation,
          bridge: turn.bridge,
          deliver: turn.deliver,
          holdMs: TIMEOUTS.decide,
          decideMs: TIMEOUTS.decide,
        },
        maxOpen,
      );
      if (opened.kind === "busy")
        logger.warn({ principal }, "too many cards are open for a command's question");
    }
    return waiting.length > 0;
  }
}
