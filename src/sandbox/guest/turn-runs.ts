/**
 * The runs of one turn as OpenClaw counts them: its own, and one for each message that was steered into it (measured with
 * 2026.9.6: such a run ends empty when the running one takes the message in, else it answers after that one). The turn has one
 * answer: what its runs say, in order. Pure.
 */
import type { TurnEvent } from "./protocol.ts";
import { type Outcome, TurnMapper } from "./turn-mapper.ts";

interface Run {
  mapper: TurnMapper;
  outcome?: Outcome;
}

/** See the module's header. */
export class TurnRuns {
  readonly #emit: (event: TurnEvent) => void;
  readonly #runs = new Map<string, Run>();

  constructor(emit: (event: TurnEvent) => void) {
    this.#emit = emit;
  }

  get ids(): string[] {
    return [...this.#runs.keys()];
  }

  add(runId: string): void {
    const mapper = new TurnMapper((event) => this.#shown(runId, event));
    this.#runs.set(runId, { mapper });
  }

  /** A run that was never begun. */
  drop(runId: string): void {
    this.#runs.get(runId)?.mapper.end();
    this.#runs.delete(runId);
  }

  /** An event of one of the runs. True when that has ended with it. */
  event(runId: string, event: string, payload: Record<string, unknown>): boolean {
    const run = this.#runs.get(runId);
    if (!run || run.outcome) return false;
    if (event === "agent") run.mapper.agent(payload);
    const outcome = event === "chat" ? run.mapper.chat(payload) : undefined;
    if (!outcome) return false;
    run.mapper.end();
    run.outcome = outcome;
    return true;
  }

  end(): void {
    for (const { mapper } of this.#runs.values()) mapper.end();
  }

  /**
   * How the turn ends; undefined while a run goes on. An answer is not lost because a later message failed: that is said
   * below it.
   */
  get outcome(): Outcome | undefined {
    const [own, ...steered] = [...this.#runs.values()].map(({ outcome }) => outcome);
    if (!own || steered.includes(undefined)) return undefined;
    const later = steered.flatMap((one) => one ?? []);
    const texts = [own, ...later].map((one) => textOf(one)).filter((text) => text !== "");
    if (own.kind !== "final" && texts.length === 0) return own;
    const failed = [own, ...later].flatMap((one) => (one.kind === "error" ? [one.message] : []));
    const notes = failed.map((message) => `[One of the messages was not answered: ${message}]`);
    return { kind: "final", text: [...texts, ...notes].join("\n\n") };
  }

  /** What a run shows stands below what the runs before it said. */
  #shown(runId: string, event: TurnEvent): void {
    const isText = event.kind === "text" || event.kind === "delta";
    const before = isText ? this.#before(runId) : "";
    if (!isText || before === "" || (event.kind === "delta" && this.#showing === runId)) this.#emit(event);
    else this.#emit({ kind: "text", text: `${before}\n\n${event.text}` });
    if (isText) this.#showing = runId;
  }

  /** Whose text is shown last. */
  #showing = "";

  #before(runId: string): string {
    const texts: string[] = [];
    for (const [id, { outcome }] of this.#runs) {
      if (id === runId) break;
      if (outcome && textOf(outcome) !== "") texts.push(textOf(outcome));
    }
    return texts.join("\n\n");
  }
}

const textOf = (outcome: Outcome): string => (outcome.kind === "final" ? outcome.text : "");
