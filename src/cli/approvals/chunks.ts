/**
 * Approvals in OpenShell's words: a question is a chunk of policy that waits for review. Pure; shapes as reference §2.2
 * gives them, so that scripts which parse `openshell rule …` go on working.
 */
import type { ApprovalRecord } from "../../store/index.ts";
import { destinationOf, printable } from "./lines.ts";

/** How OpenShell calls what became of a question. */
export const CHUNK_STATES = ["pending", "approved", "rejected"] as const;
export type ChunkState = (typeof CHUNK_STATES)[number];

/** `allowed-…` is approved; denied, expired and cancelled ones opened nothing. */
export function chunkState({ state }: Pick<ApprovalRecord, "state">): ChunkState {
  if (state === "pending") return "pending";
  return state.startsWith("allowed") ? "approved" : "rejected";
}

/** `allow_api_example_com_443`. */
export function ruleName({ facts, command }: Pick<ApprovalRecord, "facts" | "command">): string {
  if (command) return "command_in_sandbox";
  return `allow_${facts.host.replace(/[^a-z0-9]+/g, "_").slice(0, 80)}_${facts.port}`;
}

/** `YYYY-MM-DD HH:MM:SS`, UTC. */
export function stamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** `rule get`. `version` is the policy's that is in force. */
export function chunksText(records: readonly ApprovalRecord[], version: number): string {
  if (records.length === 0) return "No network rules.";
  const count = `${records.length} chunk${records.length === 1 ? "" : "s"}`;
  return [`Network Rules:  (version ${version}, ${count})`, ...records.map(chunkText)].join("\n\n");
}

function chunkText(record: ApprovalRecord): string {
  const { approvalId, facts, risks, says, attempts, createdAt, state } = record;
  const what = facts.method
    ? `${printable(facts.method, 16)} ${printable(facts.path ?? "", 200)}`
    : "any method, any path";
  const outcome = chunkState(record) === "rejected" && state !== "denied" ? ` (${state})` : "";
  const program = facts.binary === undefined ? "" : printable(facts.binary, 256);
  return [
    `  Chunk: ${approvalId}`,
    `  Status: ${chunkState(record)}${outcome}`,
    `  Rule: ${ruleName(record)}`,
    ...(program ? [`  Binary: ${program}`] : []),
    "",
    `  Rationale: ${says === "" ? "the agent said nothing about it" : `the agent says: "${printable(says, 200)}"`}`,
    `  Security: ${risks.length > 0 ? risks.join(", ") : "no findings"}`,
    record.command
      ? `  Command: ${destinationOf(record)}`
      : `  Endpoints: ${printable(facts.host, 253)}:${facts.port} (${what})`,
    ...(program ? [`  Binaries: ${program}`] : []),
    ...(attempts > 1 ? [`  Hits: ${attempts} (first seen ${stamp(createdAt)})`] : []),
  ].join("\n");
}

/** `rule history`: decided ones, oldest first. */
export function historyText(records: readonly ApprovalRecord[]): string {
  const decided = records.filter(({ state }) => state !== "pending");
  if (decided.length === 0) return "No rule history.";
  const lines = decided
    .toSorted((a, b) => a.decidedAt - b.decidedAt)
    .map((record) => {
      const { approvalId, state, decidedAt, decidedBy } = record;
      const by = decidedBy ? ` by ${printable(decidedBy.via, 16)}:${printable(decidedBy.identity, 32)}` : "";
      return `  ${stamp(decidedAt)} ${chunkState(record)} [${approvalId.slice(2, 10)}] ${destinationOf(record)} (${state}${by})`;
    });
  return ["Rule History:", "", ...lines].join("\n");
}

/** The same for programs. */
export function chunkData(record: ApprovalRecord): Record<string, unknown> {
  const { approvalId, facts, risks, says, attempts, held, createdAt, decidedAt, principal, state } = record;
  return {
    id: approvalId,
    sandbox: principal,
    status: chunkState(record),
    outcome: state,
    rule_name: ruleName(record),
    host: facts.host,
    port: facts.port,
    scheme: facts.scheme,
    ...(facts.method === undefined ? {} : { method: facts.method, path: facts.path }),
    ...(facts.binary === undefined ? {} : { binary: facts.binary }),
    ...(record.command ? { command: record.command.line } : {}),
    rationale: says,
    security: risks,
    hit_count: attempts,
    held,
    created_at_ms: createdAt,
    decided_at_ms: decidedAt,
  };
}
