/**
 * A policy, compiled once per revision for decisions in microseconds: maps from host suffixes to rules, globs as
 * functions, networks as bytes. Immutable; a new revision is a new value that replaces the old one whole.
 */
import { type Allowance, type Cidr, NO_ALLOWANCE, parseCidr } from "../egress/guard/index.ts";
import { disagreement, findConflicts, rulesMeet } from "./conflicts.ts";
import { compileGlob, type GlobTest } from "./glob.ts";
import { type HostPattern, parseHostPattern, specificity } from "./hosts.ts";
import type { Denial, EndpointRule, HttpMatch, Origin } from "./model.ts";

/** What happens to a destination that no rule names. `allow` is for tests of the address guard; no file can say it. */
export type Fallback = "ask" | "deny" | "allow";

/** A request pattern, ready to be tried. */
export interface CompiledMatch {
  readonly method: string;
  readonly path: GlobTest;
  readonly query: readonly (readonly [key: string, tests: readonly GlobTest[]])[];
}

/** A rule, ready to be tried. */
export interface CompiledRule {
  readonly rule: EndpointRule;
  /** Rank: lower is tried first (operator, preset, approval; then narrow before wide). */
  readonly rank: number;
  readonly ports: ReadonlySet<number> | undefined;
  readonly path: GlobTest | undefined;
  readonly allow: readonly CompiledMatch[];
  readonly deny: readonly CompiledMatch[];
  readonly binaries: readonly GlobTest[] | undefined;
  readonly allowance: Allowance;
}

/** A denial, ready to be tried. */
export interface CompiledDenial {
  readonly denial: Denial;
  readonly ports: ReadonlySet<number> | undefined;
}

/** A compiled policy. */
export interface CompiledPolicy {
  readonly hash: string;
  readonly fallback: Fallback;
  readonly rules: HostIndex<CompiledRule>;
  readonly denials: HostIndex<CompiledDenial>;
  /** Rules without a host; they judge address literals. */
  readonly hostless: readonly CompiledRule[];
  readonly anyHostDenials: readonly CompiledDenial[];
  readonly all: readonly CompiledRule[];
  /** Some rule is for certain programs only, so a decision may depend on who asks. */
  readonly hasBinaries: boolean;
}

/** What goes into a sandbox's policy. */
export interface PolicyParts {
  readonly hash: string;
  readonly fallback: Fallback;
  /** Of the operator's file, of presets, and of standing approvals. */
  readonly rules: readonly EndpointRule[];
  readonly denials: readonly Denial[];
}

const ORIGIN_RANK: Record<Origin, number> = { operator: 0, preset: 10, approval: 20 };

/**
 * Puts rules of all origins together. Where a preset treats a destination otherwise than the operator's file does, the
 * file wins and the preset's rule is dropped with a warning; presets that contradict each other are refused.
 */
export function combine(
  operator: readonly EndpointRule[],
  presets: readonly EndpointRule[],
  approvals: readonly EndpointRule[],
): { ok: true; rules: EndpointRule[]; warnings: string[] } | { ok: false; problems: string[] } {
  const warnings: string[] = [];
  const kept = presets.filter((rule) => {
    const winner = operator.find((mine) => rulesMeet(mine, rule) && disagreement(mine, rule) !== undefined);
    if (winner)
      warnings.push(
        `${rule.name} (${rule.host}) is replaced by "${winner.name}" (${winner.host}) of the policy file`,
      );
    return !winner;
  });
  const problems = findConflicts(kept).map(({ first, second, property }) => {
    const [a, b] = [kept[first]!, kept[second]!];
    return `${a.name} and ${b.name} contradict each other about ${b.host}: they differ in \`${property}\``;
  });
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, rules: [...operator, ...kept, ...approvals], warnings };
}

/** Compiles. Input comes from the loaders, so a pattern that doesn't parse is a bug and throws. */
export function compilePolicy(parts: PolicyParts): CompiledPolicy {
  const all = parts.rules.map(compileRule).sort((a, b) => a.rank - b.rank);
  const rules = new HostIndex<CompiledRule>();
  for (const compiled of all) {
    const pattern = patternOf(compiled.rule.host);
    if (pattern) rules.add(pattern, compiled);
  }
  const denials = new HostIndex<CompiledDenial>();
  const anyHostDenials: CompiledDenial[] = [];
  for (const denial of parts.denials) {
    const compiled = { denial, ports: portSet(denial.ports) };
    const pattern = patternOf(denial.host);
    if (pattern) denials.add(pattern, compiled);
    else anyHostDenials.push(compiled);
  }
  return {
    hash: parts.hash,
    fallback: parts.fallback,
    rules,
    denials,
    hostless: all.filter((compiled) => compiled.rule.host === undefined),
    anyHostDenials,
    all,
    hasBinaries: all.some((compiled) => compiled.binaries !== undefined),
  };
}

function compileRule(rule: EndpointRule): CompiledRule {
  const pattern = patternOf(rule.host);
  return {
    rule,
    rank: ORIGIN_RANK[rule.origin] + specificity(pattern),
    ports: portSet(rule.ports),
    path: rule.path === undefined ? undefined : compileGlob(rule.path),
    allow: rule.allow.map(compileMatch),
    deny: rule.deny.map(compileMatch),
    binaries: rule.binaries?.map((glob) => compileGlob(glob, true)),
    allowance: allowanceOf(rule, pattern),
  };
}

/** What a rule lets the guard open: nothing, unless it stands in the operator's own file. */
function allowanceOf(rule: EndpointRule, pattern: HostPattern | undefined): Allowance {
  if (rule.origin !== "operator") return NO_ALLOWANCE;
  const networks = rule.allowedIps?.map((text): Cidr => {
    const network = parseCidr(text);
    if (!network) throw new Error(`rule ${rule.name}: bad network ${text}`);
    return network;
  });
  return {
    exactOperator: pattern?.kind === "exact",
    portNamed: rule.ports !== "any",
    ...(networks ? { allowedIps: networks } : {}),
  };
}

function compileMatch(match: HttpMatch): CompiledMatch {
  const query = Object.entries(match.query ?? {}).map(
    ([key, globs]) => [key, globs.map((glob) => compileGlob(glob))] as const,
  );
  return { method: match.method, path: compileGlob(match.path), query };
}

function patternOf(host: string | undefined): HostPattern | undefined {
  if (host === undefined) return undefined;
  const parsed = parseHostPattern(host, true);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.pattern;
}

function portSet(ports: readonly number[] | "any"): ReadonlySet<number> | undefined {
  return ports === "any" ? undefined : new Set(ports);
}

/** From a host to everything whose pattern matches it: one map look-up per label. */
export class HostIndex<T> {
  private readonly exact = new Map<string, T[]>();
  private readonly one = new Map<string, T[]>();
  private readonly deep = new Map<string, T[]>();
  private readonly dashed = new Map<string, [ending: string, value: T][]>();

  /** Adds a value under a pattern. */
  add(pattern: HostPattern, value: T): void {
    if (pattern.kind === "exact") push(this.exact, pattern.host, value);
    else if (pattern.kind === "dashed")
      push(this.dashed, pattern.suffix, [pattern.ending, value] as [string, T]);
    else push(this[pattern.kind], pattern.suffix, value);
  }

  /** Every value whose pattern matches, in no order. An address literal only matches exactly. */
  find(host: string, literal: boolean): readonly T[] {
    const exact = this.exact.get(host);
    if (literal || this.one.size + this.deep.size + this.dashed.size === 0) return exact ?? [];
    const found = exact ? [...exact] : [];
    let dot = host.indexOf(".");
    if (dot < 0) return found;
    const parent = host.slice(dot + 1);
    for (const [ending, value] of this.dashed.get(parent) ?? []) {
      if (dot > ending.length && host.startsWith(ending, dot - ending.length)) found.push(value);
    }
    for (const value of this.one.get(parent) ?? []) found.push(value);
    while (dot >= 0 && this.deep.size > 0) {
      for (const value of this.deep.get(host.slice(dot + 1)) ?? []) found.push(value);
      dot = host.indexOf(".", dot + 1);
    }
    return found;
  }
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
