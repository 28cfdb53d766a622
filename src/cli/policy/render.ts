/**
 * What the policy commands print. Shapes are OpenShell's where scripts read them (reference §2.2). Pure.
 */
import { stringify } from "yaml";
import type { PolicyRow, PolicyView } from "../../gateway/index.ts";

/** First characters of a hash, as OpenShell shows it. */
export const shortHash = (hash: string): string => hash.slice(0, 12) || "-";

/** `policy list`. */
export function policyTable(rows: readonly PolicyRow[]): string {
  const cells = rows.map(({ version, hash, status, createdAt, error }) => [
    String(version),
    shortHash(hash),
    status,
    timeOf(createdAt),
    error.split("\n")[0] ?? "",
  ]);
  return columns([["VERSION", "HASH", "STATUS", "CREATED", "ERROR"], ...cells]);
}

/** `policy get`: facts, then the policy where it is asked for. */
export function policyText(view: PolicyView, what: "facts" | "base" | "full"): string {
  const facts = [
    `Version: ${view.version}`,
    `Hash: ${view.hash || "-"}`,
    `Status: ${view.status}`,
    `Created: ${view.createdAt} ms`,
    `Loaded: ${view.loadedAt} ms`,
    ...(view.presets.length > 0 ? [`Presets: ${view.presets.join(", ")}`] : []),
    ...(view.inherits ? [`Inherits: default (version ${view.inherits})`] : []),
    ...(view.error ? [`Error: ${view.error}`] : []),
  ];
  const policy = what === "full" ? view.full : what === "base" ? view.text : undefined;
  return policy === undefined ? facts.join("\n") : `${facts.join("\n")}\n---\n${policy.trimEnd()}`;
}

/** The same for programs. */
export function policyData(view: PolicyView, format: "json" | "yaml"): string {
  const data = {
    sandbox: view.target,
    version: view.version,
    hash: view.hash,
    status: view.status,
    active_version: view.active,
    created_at_ms: view.createdAt,
    loaded_at_ms: view.loadedAt,
    created_by: view.by,
    note: view.note,
    presets: view.presets,
    ...(view.rollbackOf === undefined ? {} : { rollback_of: view.rollbackOf }),
    ...(view.inherits === undefined ? {} : { inherits_default_version: view.inherits }),
    ...(view.error ? { error: view.error } : {}),
    policy: view.full ?? view.text,
  };
  return format === "json" ? JSON.stringify(data) : stringify(data).trimEnd();
}

/** A difference, one line per rule. */
export function diffText(diff: { added: readonly string[]; removed: readonly string[] }): string {
  const lines = [...diff.removed.map((line) => `- ${line}`), ...diff.added.map((line) => `+ ${line}`)];
  return lines.length > 0 ? lines.join("\n") : "no rule changes";
}

/** `YYYY-MM-DD HH:MM:SS`, UTC. */
function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** Columns padded to their widest cell. */
function columns(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
