/**
 * Approvals as lines for an operator's terminal. Pure. Names come from a sandbox: nothing but printable ASCII gets out.
 */
import type { ApprovalRecord } from "../../store/index.ts";

/** Whatever it is, on one line and without escapes for a terminal. */
export function printable(text: string, most = 120): string {
  const clean = text.replace(/[^\x20-\x7e]/g, "?");
  if (clean.length <= most) return clean;
  const half = Math.floor((most - 1) / 2);
  return `${clean.slice(0, half)}…${clean.slice(-half)}`;
}

/** `api.example.com:443`, with the method and path where they are known. */
export function destinationOf({ facts, command }: Pick<ApprovalRecord, "facts" | "command">): string {
  if (command) return `command inside the sandbox: ${printable(command.line)}`;
  const request = facts.method ? `${printable(facts.method, 16)} ` : "";
  return `${request}${printable(facts.host, 80)}:${facts.port}${facts.path ? printable(facts.path, 60) : ""}`;
}

/** How long ago or ahead, in one short word. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** One line per approval. */
export function approvalLine(record: ApprovalRecord, now: number): string {
  const { approvalId, state, facts, attempts, held, risks, decidedBy } = record;
  const who = decidedBy ? ` by ${printable(decidedBy.via, 16)}:${printable(decidedBy.identity, 32)}` : "";
  const what =
    state === "pending"
      ? `${held > 0 ? `${held} waiting` : "nobody waiting"}, open for ${span(record.decideUntil - now)}`
      : `${state}${who} ${span(now - record.decidedAt)} ago`;
  const flags = risks.length > 0 ? `  [${risks.join(", ")}]` : "";
  if (record.command) return `${approvalId}  ${destinationOf(record)}  ${what}`;
  const program = printable(facts.binary ?? "unknown program", 60);
  return `${approvalId}  ${destinationOf(record)}  (${program}, ${attempts}×)  ${what}${flags}`;
}

/** The guide's own question (deployment guide, issue 5). */
export function questionOf(record: ApprovalRecord): string {
  const doing = record.command ? "asks to run a" : "attempted to reach";
  return `[OpenShell] Agent ${doing} ${destinationOf(record)}`;
}
