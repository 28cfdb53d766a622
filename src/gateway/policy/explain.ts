/**
 * Why a destination would be allowed, asked or denied: the same decision that traffic gets, plus every rule that came
 * near and why it didn't apply. Pure, not on the hot path.
 */
import { classifyAddress, classifyName, OPENABLE, parseHost } from "../egress/guard/index.ts";
import { canonicalPath, queryOf } from "../egress/proxy/path.ts";
import type { CompiledPolicy, CompiledRule } from "./compile.ts";
import { type Decision, decideConnection, decideRequest, type Grant } from "./decide.ts";
import { matchesHost, parseHostPattern } from "./hosts.ts";

/** The question, as a person types it. */
export interface Question {
  readonly host: string;
  readonly port: number;
  readonly method?: string;
  readonly path?: string;
  readonly binary?: string;
}

/** A rule whose host matches, and what became of it. */
export interface Considered {
  readonly rule: string;
  readonly host: string;
  readonly origin: string;
  readonly outcome: "applies" | "other_port" | "other_program" | "program_unknown";
}

/** The answer. */
export interface Explanation {
  readonly decision: Decision;
  readonly considered: readonly Considered[];
  /** What the address guard says of the name or literal by itself; "public" when nothing. */
  readonly destination: string;
  /** One sentence for people. */
  readonly sentence: string;
}

/** Explains; undefined when host or path are malformed. */
export function explain(
  policy: CompiledPolicy,
  question: Question,
  grants: readonly Grant[] = [],
): Explanation | undefined {
  const bare =
    question.host.includes(":") && !question.host.startsWith("[") ? `[${question.host}]` : question.host;
  const parsed = parseHost(bare);
  if (!parsed.ok) return undefined;
  const { host, ip } = parsed.value;
  const attempt = {
    host,
    port: question.port,
    ...(ip ? { ip } : {}),
    ...(question.binary === undefined ? {} : { binary: question.binary }),
  };
  const written = canonicalPath(question.path ?? "/");
  if (!written.ok) return undefined;
  const { path, barePath, encodedSlash, search } = written.value;
  const method = question.method?.toUpperCase();
  const request = { path, barePath, encodedSlash, query: queryOf(search), upgrade: false, tunnelled: false };
  const decision = method
    ? decideRequest(policy, { ...attempt, ...request, method }, grants)
    : decideConnection(policy, attempt, grants);
  const considered = policy.all.flatMap((compiled) => consider(compiled, host, question));
  const destination = ip ? classifyAddress(ip).class : classifyName(host);
  return { decision, considered, destination, sentence: sentenceOf(decision, question, destination) };
}

function consider({ rule, ports, binaries }: CompiledRule, host: string, question: Question): Considered[] {
  const parsed = rule.host === undefined ? undefined : parseHostPattern(rule.host);
  if (!parsed?.ok || !matchesHost(parsed.pattern, host)) return [];
  const outcome = () => {
    if (ports && !ports.has(question.port)) return "other_port";
    if (!binaries) return "applies";
    if (question.binary === undefined) return "program_unknown";
    return binaries.some((test) => test(question.binary!)) ? "applies" : "other_program";
  };
  return [{ rule: rule.name, host: rule.host!, origin: rule.origin, outcome: outcome() }];
}

const REASONS: Record<Decision["reason"], string> = {
  operator_denied: "the operator's policy denies it, and no approval can open it",
  rule_allows: "a rule allows it",
  deny_rule: "a deny rule refuses this request",
  audit_only: "no rule allows this request, but the endpoint only audits",
  granted: "somebody approved it",
  no_rule: "no rule names this destination",
  request_not_allowed: "the destination has rules, but none for this method and path",
  program_not_allowed: "the destination's rules are for other programs",
  encoded_slash: "the path hides a slash as %2F, which this endpoint doesn't accept",
  method_refused: "this method is never forwarded",
};

function sentenceOf(decision: Decision, question: Question, destination: string): string {
  const what = `${question.method ? `${question.method.toUpperCase()} ` : ""}${question.host}:${question.port}`;
  const outcome = { allow: "allowed", ask: "held until somebody decides", deny: "denied" }[decision.verdict];
  const rule = decision.rule ? ` (${decision.rule})` : "";
  const open = decision.allowance.exactOperator || decision.allowance.allowedIps;
  const openable =
    OPENABLE.has(destination as never) || destination === "private_name" || destination === "address_in_name";
  const guarded =
    destination === "public" || (open && openable)
      ? ""
      : `; the address guard refuses it all the same: ${destination}`;
  return `${what} is ${outcome}: ${REASONS[decision.reason]}${rule}${guarded}.`;
}
