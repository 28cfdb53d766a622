/**
 * What an agent tells while its turn runs, and who hears it: the chat (drafts), the gateway and the operator (tools),
 * a person who is asked about a command. Nothing of it ends a turn; all of it is the agent's words.
 */
import { failpoint } from "../lib/failpoints.ts";
import type { Logger } from "../lib/logging.ts";
import type { CommandDecision, TurnEvent } from "../sandbox/index.ts";
import type {
  ApprovalPort,
  CommandAskPort,
  Heard,
  TurnContextPort,
  TurnPort,
  TurnRecord,
} from "../store/index.ts";
import type { Activity } from "./activity.ts";
import { toolLine } from "./answer.ts";
import { CommandAsks } from "./command-asks.ts";
import { Drafts } from "./drafts.ts";

/** Ports through which it is told. */
export interface TellingPorts {
  turns: Pick<TurnPort, "draft">;
  contexts: Pick<TurnContextPort, "tool">;
  approvals: Pick<ApprovalPort, "get">;
  asks: CommandAskPort;
  activity: Pick<Activity, "tool">;
}

/** What it needs of its turn. */
export interface TellingTurn {
  turn: TurnRecord;
  log: Logger;
  /** Whether the turn is still ours: nothing is shown otherwise. */
  held(): boolean;
  /** Passes a person's word about a command on. */
  answer(ask: string, decision: CommandDecision): Promise<unknown>;
}

/** See the module's header. */
export class TurnTelling {
  readonly #ports: TellingPorts;
  readonly #turn: TurnRecord;
  readonly #drafts: Drafts;
  readonly #asks: CommandAsks;

  constructor(ports: TellingPorts, { turn, log, held, answer }: TellingTurn) {
    this.#ports = ports;
    this.#turn = turn;
    const { conversation, turnId, fence, deliver, bridge, principal } = turn;
    this.#drafts = new Drafts((seq, kind, text) => {
      if (held()) ports.turns.draft({ conversation, turnId, fence, deliver, bridge, seq, kind, text });
    });
    this.#asks = new CommandAsks({
      ...{ store: ports.asks, approvals: ports.approvals, principal, turnId, log },
      answer,
    });
  }

  /** The agent wakes, and that takes longer than people expect. */
  waking(): void {
    this.#drafts.waking();
  }

  /** What was understood of the turn's recordings stands above the answer from the start. */
  heard(heard: readonly Heard[]): void {
    const lines = heard.flatMap((one) =>
      "failed" in one || one.text === "" ? [] : [`> 🎤 ${oneLine(one.text)}`],
    );
    if (lines.length > 0) this.#drafts.head(`${lines.join("\n>\n")}\n\n`);
  }

  event(event: TurnEvent): void {
    const { principal, turnId } = this.#turn;
    if (event.kind === "delta") this.#drafts.delta(event.text);
    else if (event.kind === "text") this.#drafts.replace(event.text);
    else if (event.kind === "tool") {
      this.#drafts.tool(toolLine(event));
      this.#ports.activity.tool(principal, turnId, event);
      if (event.phase === "start") this.#ports.contexts.tool(principal, turnId, toolLine(event));
    } else if (event.kind === "ask" || event.kind === "ask-over") this.#asks.event(event);
    if (event.kind === "delta" || event.kind === "text") failpoint("streaming.delta");
  }

  /** Nothing more is shown: the answer comes. */
  quiet(): void {
    this.#drafts.close();
  }

  /** The turn is over, or somebody else's (`detached`): then its questions stay open. */
  close(detached: boolean): void {
    this.#drafts.close();
    this.#asks.close(!detached);
  }
}

/** Characters of a recording's text that a preview shows. */
const MAX_HEARD = 300;

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length <= MAX_HEARD ? line : `${line.slice(0, MAX_HEARD).toWellFormed()}…`;
}
