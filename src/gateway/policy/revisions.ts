/**
 * Revisions of a policy as values: number, hash, text, what changed. A rollback is a new revision with an old text, so
 * history never loses anything. Who stores them is not decided here.
 */
import { createHash } from "node:crypto";
import type { Denial, EndpointRule, PolicyModel } from "./model.ts";

/** One revision. `text` is the file as it was given. */
export interface Revision {
  readonly number: number;
  /** SHA-256 of the model's canonical form: reformatting a file doesn't change it. */
  readonly hash: string;
  readonly text: string;
  readonly createdAt: number;
  /** The revision that this one brought back. */
  readonly rollbackOf?: number;
}

/** What differs between two models, by rule and denial, as lines for people. */
export interface PolicyDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Names of changed fixed sections; they need a new sandbox. */
  readonly fixed: readonly string[];
}

/** Hash of what a policy means. */
export function policyHash(model: PolicyModel): string {
  return createHash("sha256").update(canonical(model)).digest("hex");
}

/** Adds a revision; `unchanged` when the meaning is that of the newest one. */
export function appendRevision(
  history: readonly Revision[],
  next: { text: string; model: PolicyModel; now: number; rollbackOf?: number },
): { kind: "added" | "unchanged"; history: readonly Revision[]; revision: Revision } {
  const newest = history.at(-1);
  const hash = policyHash(next.model);
  if (newest?.hash === hash) return { kind: "unchanged", history, revision: newest };
  const revision: Revision = {
    number: (newest?.number ?? 0) + 1,
    hash,
    text: next.text,
    createdAt: next.now,
    ...(next.rollbackOf === undefined ? {} : { rollbackOf: next.rollbackOf }),
  };
  return { kind: "added", history: [...history, revision], revision };
}

/** The revision of that number. */
export function revisionAt(history: readonly Revision[], number: number): Revision | undefined {
  return history.find((revision) => revision.number === number);
}

/** What changes from `before` to `after`. */
export function diffPolicies(before: PolicyModel, after: PolicyModel): PolicyDiff {
  const [old, fresh] = [linesOf(before), linesOf(after)];
  return {
    added: fresh.filter((line) => !old.includes(line)),
    removed: old.filter((line) => !fresh.includes(line)),
    fixed: fixedChanges(before, after),
  };
}

/** Sections that can't change while a sandbox lives. */
export function fixedChanges(before: PolicyModel, after: PolicyModel): string[] {
  const names = { filesystem: "filesystem_policy", landlock: "landlock", process: "process" } as const;
  return (Object.keys(names) as (keyof typeof names)[])
    .filter((key) => canonical(before.fixed[key]) !== canonical(after.fixed[key]))
    .map((key) => names[key]);
}

/** A rule in one line. */
export function describeRule(rule: EndpointRule): string {
  const ports = rule.ports === "any" ? "*" : rule.ports.join(",");
  const requests = rule.allow.map(
    (match) => `${match.method} ${match.path}${match.query ? ` ?${canonical(match.query)}` : ""}`,
  );
  const parts = [
    `${rule.name}: ${rule.host ?? "(address)"}:${ports}`,
    rule.protocol === "l4"
      ? rule.tlsSkip
        ? "any bytes"
        : "any request"
      : `${rule.protocol} ${requests.join(", ")}`,
    ...(rule.path === undefined ? [] : [`only ${rule.path}`]),
    ...rule.deny.map(
      (match) => `not ${match.method} ${match.path}${match.query ? ` ?${canonical(match.query)}` : ""}`,
    ),
    ...(rule.enforce ? [] : ["audit only"]),
    ...(rule.allowedIps ? [`addresses ${rule.allowedIps.join(" ")}`] : []),
    ...(rule.sniOptional ? ["server name optional"] : []),
    ...(rule.allowEncodedSlash ? ["encoded slashes"] : []),
    ...(rule.binaries ? [`programs ${rule.binaries.join(" ")}`] : []),
  ];
  return parts.join("; ");
}

function describeDenial(denial: Denial): string {
  return `${denial.name}: deny ${denial.host ?? "*"}:${denial.ports === "any" ? "*" : denial.ports.join(",")}`;
}

function linesOf(model: PolicyModel): string[] {
  return [...model.rules.map(describeRule), ...model.denials.map(describeDenial)];
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) =>
      inner && typeof inner === "object" && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? ""
  );
}
