/**
 * The screen's state told as lines: each thing once, and again when it is decided or over; one question at a time.
 * Knows no stream.
 */
import type { ApprovalRecord } from "../../store/index.ts";
import { approvalLine, questionOf } from "../approvals/lines.ts";
import { type Effect, READ_MS } from "./keys.ts";
import type { Row } from "./rows.ts";
import { clock, shown } from "./safe.ts";
import { initialState, type News, nameOf, reduce, type State } from "./state.ts";

const ASK = "Allow? [y/n/a]:  # y=allow once, n=deny, a=add permanently (s=this session, Enter=later)";
/** A command inside the sandbox has no session, and Always only where OpenClaw offers it. */
const ASK_COMMAND = "Allow? [y/n]:  # y=allow once, n=deny (Enter=later)";
const askOf = ({ command }: ApprovalRecord) => (command && !command.always ? ASK_COMMAND : ASK);
const ANSWERS: Readonly<Record<string, Extract<Effect, { do: "decide" }>["verb"]>> = {
  ...{ y: "once", yes: "once", s: "session", a: "always", n: "deny", no: "deny" },
};

/** See the module's header. */
export class Printer {
  #state: State;
  /** Cards that are answered later. */
  readonly #skipped = new Set<string>();
  #asked = "";
  #askedAt = 0;
  /** The risky card for which Always is asked once more. */
  #confirming = "";

  constructor(now: number) {
    this.#state = initialState(now);
  }

  /** What to print after some news. */
  after(news: News): string[] {
    const before = this.#state;
    this.#state = reduce(before, news);
    const { rows, notice, sources } = this.#state;
    const lines = (["requests", "files", "inference"] as const).flatMap((pane) =>
      changed(before.rows[pane], rows[pane]).map((row) => this.#line(row)),
    );
    for (const name of ["gateway", "worker", "launcher"] as const) {
      const { state, why } = sources[name];
      if (state === "down" && before.sources[name].state !== "down")
        lines.push(`! ${name}: ${shown(why, 300)}`);
    }
    if (notice && notice !== before.notice) lines.push(notice.text);
    return [...lines, ...this.#question(this.#state.now)];
  }

  /**
   * What a line of input does: a decision, or later. Anything else is not understood; what was typed before the question
   * could be read is not taken for its answer.
   */
  answer(line: string, now: number): { lines: string[]; decide?: Extract<Effect, { do: "decide" }> } {
    const card = this.#card();
    const word = line.trim().toLowerCase();
    if (!card) return { lines: word === "" ? [] : ["Nothing is asked."] };
    const sure = this.#confirming === card.approvalId;
    this.#confirming = "";
    if (now - this.#askedAt < READ_MS) return { lines: [`Too soon to be an answer. ${askOf(card)}`] };
    if (sure)
      return word === "y" || word === "yes" ? this.#decided(card, "always", now) : { lines: [askOf(card)] };
    const verb = Object.hasOwn(ANSWERS, word) ? ANSWERS[word] : undefined;
    if (word !== "" && !verb) return { lines: [askOf(card)] };
    if (verb === "always" && card.risks.length > 0) {
      this.#confirming = card.approvalId;
      return { lines: [`For good? [y/n]:  look twice: ${card.risks.join(", ")}`] };
    }
    return this.#decided(card, verb, now);
  }

  /** It is answered, or skipped: on to the next. */
  #decided(card: ApprovalRecord, verb: Extract<Effect, { do: "decide" }>["verb"] | undefined, now: number) {
    this.#skipped.add(card.approvalId);
    this.#asked = "";
    const lines = this.#question(now);
    return verb ? { lines, decide: { do: "decide" as const, id: card.approvalId, verb } } : { lines };
  }

  #card(): ApprovalRecord | undefined {
    return this.#state.approvals.find(({ approvalId }) => !this.#skipped.has(approvalId));
  }

  #question(now: number): string[] {
    const card = this.#card();
    if (!card || card.approvalId === this.#asked) return [];
    this.#asked = card.approvalId;
    this.#askedAt = now;
    const says = card.says === "" ? [] : [`the agent says: “${shown(card.says)}”`];
    return ["", questionOf(card), approvalLine(card, now), ...says, askOf(card)];
  }

  #line({ at, sandboxId, lead, main, aside }: Row): string {
    return `${clock(at)}  ${shown(nameOf(this.#state, sandboxId), 32)}  ${lead.padEnd(6)}  ${main}  ${aside}`;
  }
}

/** Rows that are new or tell something new. */
function changed(before: readonly Row[], after: readonly Row[]): Row[] {
  if (before === after) return [];
  const known = new Set(before);
  return after.filter((row) => !known.has(row));
}
