/**
 * What stands in each pane, as lines of coloured pieces, and which of them is chosen. Pure.
 */
import type { ApprovalRecord } from "../../store/index.ts";
import { destinationOf, span } from "../approvals/lines.ts";
import type { Row, Tone } from "./rows.ts";
import { clock, shown } from "./safe.ts";
import { nameOf, type Pane, type SandboxRow, type State } from "./state.ts";

/** A coloured piece of a line. */
export interface Piece {
  readonly text: string;
  readonly tone: Tone;
}

/** A line of a pane. */
export interface Line {
  readonly id: string;
  readonly pieces: readonly Piece[];
}

/** The lines of a pane. The filter holds for what happened; no sandbox and no approval is ever hidden. */
export function linesOf(state: State, pane: Pane): Line[] {
  if (pane === "approvals") return state.approvals.map((record) => approvalLine(record, state.now));
  if (pane === "sandboxes") return state.sandboxes.map(sandboxLine);
  const wanted = state.filter.toLowerCase();
  return state.rows[pane]
    .filter((row) => wanted === "" || searchText(state, row).includes(wanted))
    .map((row) => rowLine(state, row));
}

function searchText(state: State, { lead, main, aside, sandboxId }: Row): string {
  return `${lead} ${main} ${aside} ${nameOf(state, sandboxId)}`.toLowerCase();
}

/** Index of the chosen line; the last one while none is chosen (the first of approvals and sandboxes). */
export function chosenIndex(state: State, pane: Pane, lines: readonly Line[]): number {
  const id = pane === "approvals" ? state.question.id : state.chosen[pane];
  const at = id === undefined ? -1 : lines.findIndex((line) => line.id === id);
  if (at >= 0) return at;
  return pane === "sandboxes" || pane === "approvals" ? 0 : lines.length - 1;
}

/** What is known of the chosen line of the focused pane; undefined when the pane is empty. */
export function chosenDetail(state: State): Row["detail"] | undefined {
  const lines = linesOf(state, state.focus);
  const id = lines[chosenIndex(state, state.focus, lines)]?.id;
  if (id === undefined) return undefined;
  if (state.focus === "sandboxes") return state.sandboxes.find((one) => one.id === id)?.detail;
  if (state.focus === "approvals") {
    const record = state.approvals.find(({ approvalId }) => approvalId === id);
    return record && approvalDetail(state, record);
  }
  const row = state.rows[state.focus].findLast((one) => one.id === id);
  return (
    row && [["Time", clock(row.at)], ["Sandbox", shown(nameOf(state, row.sandboxId), 64)], ...row.detail]
  );
}

function rowLine(state: State, row: Row): Line {
  const sandbox = state.sandboxes.length > 1 ? ` · ${shown(nameOf(state, row.sandboxId), 16)}` : "";
  return {
    id: row.id,
    pieces: [
      { text: `${clock(row.at)} `, tone: "dim" },
      { text: `${row.lead.padEnd(6)} `, tone: row.tone },
      { text: row.main, tone: "plain" },
      { text: `  ${row.aside}${sandbox}`, tone: "dim" },
    ],
  };
}

const STATE_TONES: Readonly<Record<string, Tone>> = {
  warm: "good",
  busy: "good",
  waking: "warn",
  running: "plain",
};

function sandboxLine({ id, name, state }: SandboxRow): Line {
  const tone = Object.hasOwn(STATE_TONES, state) ? (STATE_TONES[state] as Tone) : "dim";
  return {
    id,
    pieces: [
      { text: `${state.padEnd(7)} `, tone },
      { text: shown(name, 64), tone: "plain" },
    ],
  };
}

function approvalLine(record: ApprovalRecord, now: number): Line {
  const { approvalId, held, decideUntil, risks } = record;
  return {
    id: approvalId,
    pieces: [
      { text: risks.length > 0 ? "! " : "? ", tone: risks.length > 0 ? "bad" : "warn" },
      { text: destinationOf(record), tone: "plain" },
      { text: `  ${held} waiting · ${span(decideUntil - now)}`, tone: "dim" },
    ],
  };
}

function approvalDetail(state: State, record: ApprovalRecord): Row["detail"] {
  const { facts, risks, says, attempts, held, decideUntil, approvalId } = record;
  if (record.command)
    return [
      ["Sandbox", shown(nameOf(state, record.principal), 64)],
      ["Command", shown(record.command.line, 2_000)],
      ["Directory", shown(record.command.cwd, 256)],
      ["Means", "it runs inside the sandbox; nothing outside is opened"],
      ["Approval", approvalId],
    ];
  return [
    ["Sandbox", shown(nameOf(state, record.principal), 64)],
    ["Destination", destinationOf(record)],
    ["Scheme", facts.scheme === "tunnel" ? "tunnel: any method, any path" : facts.scheme],
    ["Program", shown(facts.binary ?? "unknown", 256)],
    ["Attempts", `${attempts}, ${held} waiting now`],
    ["Open for", span(decideUntil - state.now)],
    ...(risks.length > 0 ? [["Look twice", risks.join(", ")] as const] : []),
    ...(says === "" ? [] : [["Agent says", shown(says, 200)] as const]),
    ["Approval", approvalId],
  ];
}
