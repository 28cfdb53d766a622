/**
 * Two rules of one layer that cover a common host and port must agree on how the connection is treated; otherwise the
 * outcome would hang on their order. Such a policy is refused as a whole. Pure.
 */
import { type HostPattern, overlaps, parseHostPattern } from "./hosts.ts";
import type { EndpointRule } from "./model.ts";

/** Two rules that contradict each other. */
export interface Conflict {
  readonly first: number;
  readonly second: number;
  /** Which property they disagree on. */
  readonly property: string;
}

/** What must agree. `allow`, `deny`, `path` and `binaries` add up and may differ. */
const TREATMENT: readonly [string, (rule: EndpointRule) => unknown][] = [
  ["protocol", (rule) => rule.protocol],
  ["tls", (rule) => rule.tlsSkip],
  ["enforcement", (rule) => rule.enforce],
  ["sni", (rule) => rule.sniOptional],
  ["allowed_ips", (rule) => rule.allowedIps?.join(" ")],
];

/** Every contradiction, in file order. An endpoint with another `path` may have another protocol or enforcement. */
export function findConflicts(rules: readonly EndpointRule[]): Conflict[] {
  const patterns = rules.map((rule) => patternOf(rule));
  const conflicts: Conflict[] = [];
  for (let second = 1; second < rules.length; second++) {
    for (let first = 0; first < second; first++) {
      const property = disagreement(rules[first]!, rules[second]!);
      if (property && meet(patterns[first], patterns[second], rules[first]!, rules[second]!)) {
        conflicts.push({ first, second, property });
      }
    }
  }
  return conflicts;
}

/** The property on which two rules disagree, whether or not they meet. */
export function disagreement(a: EndpointRule, b: EndpointRule): string | undefined {
  return TREATMENT.find(([, read]) => read(a) !== read(b))?.[0];
}

/** Whether two rules can apply to one destination. */
export function rulesMeet(a: EndpointRule, b: EndpointRule): boolean {
  return meet(patternOf(a), patternOf(b), a, b);
}

function meet(
  a: HostPattern | undefined,
  b: HostPattern | undefined,
  ruleA: EndpointRule,
  ruleB: EndpointRule,
): boolean {
  // A rule without a host only judges address literals inside its own networks: it adds, and never contradicts.
  return Boolean(a && b) && portsMeet(ruleA.ports, ruleB.ports) && overlaps(a!, b!);
}

function portsMeet(a: EndpointRule["ports"], b: EndpointRule["ports"]): boolean {
  return a === "any" || b === "any" || a.some((port) => b.includes(port));
}

function patternOf(rule: EndpointRule): HostPattern | undefined {
  const parsed = rule.host === undefined ? undefined : parseHostPattern(rule.host);
  return parsed?.ok ? parsed.pattern : undefined;
}
