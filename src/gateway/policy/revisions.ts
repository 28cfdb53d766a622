/**
 * What tells two revisions of a policy apart: a hash of what they mean, and the difference in lines for people. Pure;
 * they are stored by src/store/policies.ts.
 */
import { createHash } from "node:crypto";
import type { Denial, EndpointRule, PolicyModel } from "./model.ts";

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

/** Hash of a revision: its file's meaning and what its presets add. */
export function revisionHash(model: PolicyModel, presets: readonly (readonly EndpointRule[])[]): string {
  if (presets.length === 0) return policyHash(model);
  return createHash("sha256")
    .update(canonical([model, presets]))
    .digest("hex");
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
