/**
 * The decision: by name, before anything is resolved, pure and without I/O. First match decides: the operator's
 * denials, standing rules and presets, grants of the session, single grants, then ask or deny. What comes out is a
 * value that carries its reason into the log, the error body and the card.
 */
import { type Allowance, contains, type Ip, NO_ALLOWANCE } from "../egress/guard/index.ts";
import type { CompiledMatch, CompiledPolicy, CompiledRule } from "./compile.ts";

/** A connection that somebody wants. `binary`: path of the program, undefined when unknown. */
export interface ConnectionAttempt {
  readonly host: string;
  readonly ip?: Ip | undefined;
  readonly port: number;
  readonly binary?: string | undefined;
}

/** A request that somebody wants, its path already canonical (`proxy/path.ts`). */
export interface RequestAttempt extends ConnectionAttempt {
  readonly method: string;
  /** Canonical path, and the same without `;parameters`. Both must be allowed, and neither denied. */
  readonly path: string;
  readonly barePath: string;
  readonly encodedSlash: boolean;
  readonly query: ReadonlyMap<string, readonly string[]>;
  /** A WebSocket handshake. */
  readonly upgrade: boolean;
  /** The request came inside a tunnel, so a grant for the tunnel covers it. */
  readonly tunnelled: boolean;
}

/** What a person allowed for now (RELIABILITY §5). The owner of grants hands in those that are in force. */
export interface Grant {
  readonly id: string;
  readonly scope: "session" | "once";
  readonly host: string;
  readonly port: number;
  /** The program it was shown for; absent: shown as “unknown”. */
  readonly binary?: string;
  /** Absent: the whole tunnel, any method, any path. */
  readonly method?: string;
  readonly path?: string;
}

/** Which layer decided. */
export type Layer = "denial" | "standing" | "session" | "once" | "fallback";

/** Why. Stable codes. */
export type PolicyReason =
  | "operator_denied"
  | "rule_allows"
  | "deny_rule"
  | "audit_only"
  | "granted"
  | "no_rule"
  | "request_not_allowed"
  | "program_not_allowed"
  | "encoded_slash"
  | "method_refused";

/** A decision. */
export interface Decision {
  readonly verdict: "allow" | "deny" | "ask";
  readonly reason: PolicyReason;
  readonly layer: Layer;
  /** Name of the rule, denial or grant that decided; "" when none did. */
  readonly rule: string;
  /** What the guard may open for it. */
  readonly allowance: Allowance;
  /** Requests inside must be judged one by one, so TLS has to be terminated. Connections only. */
  readonly inspect: boolean;
  /** Bytes pass unseen (`tls: skip`). */
  readonly opaque: boolean;
  readonly sniOptional: boolean;
  /** Grant to use up before the first byte. */
  readonly grant?: string;
}

/** Answers for a connection: CONNECT, or the first look at a plain request's destination. */
export function decideConnection(
  policy: CompiledPolicy,
  attempt: ConnectionAttempt,
  grants: readonly Grant[] = [],
): Decision {
  const denial = denialFor(policy, attempt);
  if (denial !== undefined) return verdict("deny", "operator_denied", "denial", denial);
  const { matched, otherPrograms } = standing(policy, attempt);
  const first = matched[0];
  if (first) {
    const rules = inForce(matched);
    const judged = rules.filter((compiled) => compiled.rule.protocol !== "l4");
    return {
      verdict: "allow",
      reason: "rule_allows",
      layer: "standing",
      rule: first.rule.name,
      allowance: first.allowance,
      inspect: judged.length > 0,
      opaque: rules.some((compiled) => compiled.rule.tlsSkip),
      sniOptional: rules.some((compiled) => compiled.rule.sniOptional),
    };
  }
  const grant = grants.find((one) => one.method === undefined && sameDestination(one, attempt));
  if (grant) return granted(grant);
  return otherwise(policy, otherPrograms ? "program_not_allowed" : "no_rule");
}

/** Answers for one request whose method and path are known. */
export function decideRequest(
  policy: CompiledPolicy,
  attempt: RequestAttempt,
  grants: readonly Grant[] = [],
): Decision {
  const denial = denialFor(policy, attempt);
  if (denial !== undefined) return verdict("deny", "operator_denied", "denial", denial);
  // TRACE reflects the request's own headers; CONNECT inside a request makes no sense.
  if (attempt.method === "TRACE" || attempt.method === "CONNECT")
    return verdict("deny", "method_refused", "denial", "");
  const { matched, otherPrograms } = standing(policy, attempt);
  const rules = inForce(matched);
  const applying = rules.filter((compiled) => !compiled.path || bothPaths(compiled.path, attempt));
  const refusing = applying.filter((compiled) => compiled.deny.some((match) => denies(match, attempt)));
  const enforced = refusing.find((compiled) => compiled.rule.enforce);
  if (enforced) return verdict("deny", "deny_rule", "denial", enforced.rule.name);
  const allowing = refusing.length === 0 ? applying.find((compiled) => allows(compiled, attempt)) : undefined;
  if (allowing) return standingAllow("rule_allows", allowing);
  const auditing = refusing[0] ?? applying.find((compiled) => !compiled.rule.enforce);
  if (auditing) return standingAllow("audit_only", auditing);

  const grant = grants.find((one) => covers(one, attempt));
  if (grant) return granted(grant);
  if (attempt.encodedSlash && rules.length > 0)
    return verdict("deny", "encoded_slash", "fallback", rules[0]!.rule.name);
  if (rules.length > 0) return otherwise(policy, "request_not_allowed", rules[0]!.rule.name);
  return otherwise(policy, otherPrograms ? "program_not_allowed" : "no_rule");
}

function denialFor(policy: CompiledPolicy, attempt: ConnectionAttempt): string | undefined {
  for (const { denial, ports } of policy.denials.find(attempt.host, attempt.ip !== undefined)) {
    if (!ports || ports.has(attempt.port)) return denial.name;
  }
  return policy.anyHostDenials.find(({ ports }) => !ports || ports.has(attempt.port))?.denial.name;
}

/** Standing rules for destination and program, best first; and whether another program would have matched. */
export function standing(
  policy: CompiledPolicy,
  attempt: ConnectionAttempt,
): { matched: CompiledRule[]; otherPrograms: boolean } {
  const matched: CompiledRule[] = [];
  let otherPrograms = false;
  const consider = (compiled: CompiledRule) => {
    if (compiled.ports && !compiled.ports.has(attempt.port)) return;
    if (!compiled.binaries) matched.push(compiled);
    else if (attempt.binary !== undefined && compiled.binaries.some((test) => test(attempt.binary!)))
      matched.push(compiled);
    else otherPrograms = true;
  };
  for (const compiled of policy.rules.find(attempt.host, attempt.ip !== undefined)) consider(compiled);
  const { ip } = attempt;
  if (ip) {
    for (const compiled of policy.hostless) {
      if (compiled.allowance.allowedIps?.some((network) => contains(network, ip))) consider(compiled);
    }
  }
  if (matched.length > 1) matched.sort((a, b) => a.rank - b.rank);
  return { matched, otherPrograms };
}

/**
 * A rule for a whole tunnel that was born from a tap doesn't loosen a destination whose requests the operator or a
 * preset wants judged: such a tap is asked per request.
 */
function inForce(matched: CompiledRule[]): CompiledRule[] {
  const judged = matched.some(({ rule }) => rule.protocol !== "l4" && rule.origin !== "approval");
  return judged
    ? matched.filter(({ rule }) => rule.protocol !== "l4" || rule.origin !== "approval")
    : matched;
}

function allows(compiled: CompiledRule, attempt: RequestAttempt): boolean {
  const { rule } = compiled;
  if (rule.protocol === "l4") return true;
  if (attempt.encodedSlash && !rule.allowEncodedSlash) return false;
  const one = (method: string) =>
    compiled.allow.some(
      (match) =>
        (match.method === "*" || match.method === method) &&
        bothPaths(match.path, attempt) &&
        queryMatches(match, attempt, "every"),
    );
  if (!attempt.upgrade) return one(attempt.method);
  // After the handshake nothing is judged any more, so the right to send must be there now.
  return rule.protocol === "websocket" && one(attempt.method) && one("WEBSOCKET_TEXT");
}

function denies(match: CompiledMatch, attempt: RequestAttempt): boolean {
  const method =
    match.method === "*" ||
    match.method === attempt.method ||
    (attempt.upgrade && match.method === "WEBSOCKET_TEXT");
  return (
    method &&
    (match.path(attempt.path) || match.path(attempt.barePath)) &&
    queryMatches(match, attempt, "some")
  );
}

/** Servers differ in whether `;parameters` belong to the path, so both readings must fit. */
function bothPaths(test: (text: string) => boolean, attempt: RequestAttempt): boolean {
  return test(attempt.path) && (attempt.barePath === attempt.path || test(attempt.barePath));
}

/** Each named parameter must be there; `every` or `some` of its values must fit. Others are not looked at. */
function queryMatches(match: CompiledMatch, attempt: RequestAttempt, mode: "every" | "some"): boolean {
  return match.query.every(([key, tests]) => {
    const values = attempt.query.get(key);
    const fits = (value: string) => tests.some((test) => test(value));
    return (
      values !== undefined && values.length > 0 && (mode === "every" ? values.every(fits) : values.some(fits))
    );
  });
}

function sameDestination(grant: Grant, attempt: ConnectionAttempt): boolean {
  return grant.host === attempt.host && grant.port === attempt.port && grant.binary === attempt.binary;
}

function covers(grant: Grant, attempt: RequestAttempt): boolean {
  if (!sameDestination(grant, attempt)) return false;
  if (grant.method === undefined) return attempt.tunnelled;
  // A WebSocket is asked for as such: nothing in it is judged after the handshake.
  const method = attempt.upgrade ? "WEBSOCKET" : attempt.method;
  return grant.method === method && grant.path === attempt.path && grant.path === attempt.barePath;
}

function granted(grant: Grant): Decision {
  return { ...verdict("allow", "granted", grant.scope, grant.id), grant: grant.id };
}

function standingAllow(reason: PolicyReason, { rule, allowance }: CompiledRule): Decision {
  return { ...verdict("allow", reason, "standing", rule.name), allowance };
}

function otherwise(policy: CompiledPolicy, reason: PolicyReason, rule = ""): Decision {
  return verdict(policy.fallback, reason, "fallback", rule);
}

function verdict(kind: Decision["verdict"], reason: PolicyReason, layer: Layer, rule: string): Decision {
  return {
    verdict: kind,
    reason,
    layer,
    rule,
    allowance: NO_ALLOWANCE,
    inspect: false,
    opaque: false,
    sniOptional: false,
  };
}
