/**
 * From a connection's question to what is digested, shown and granted. Pure. Everything here is the gateway's own
 * knowledge; what the sandbox says never gets in.
 */
import { createHash } from "node:crypto";
import { getDomain } from "tldts";
import { redact } from "../../lib/redact.ts";
import type { ApprovalFacts, ApprovalRecord, ApprovalRisk, RuleRecord } from "../../store/index.ts";
import type { Question } from "../egress/proxy/index.ts";
import type { Grant } from "../policy/index.ts";
import { type EndpointRule, plainRule } from "../policy/index.ts";
import { kindsOf } from "./host-lists.ts";

/** Methods that read. Everything else can take data out. */
const READING = new Set(["GET", "HEAD", "OPTIONS"]);

/** What is shown. A path that looks as if it held a secret is cleared of it, and no grant will match it. */
export function factsOf(question: Question): ApprovalFacts {
  const { scheme, host, kind, idn, port, method, path, binary, policyHash } = question;
  return {
    scheme,
    host,
    kind,
    idn,
    // Private suffixes count: alice.github.io is not github.io.
    domain: kind === "name" ? (getDomain(host, { allowPrivateDomains: true }) ?? host) : host,
    port,
    ...(method === undefined ? {} : { method }),
    ...(path === undefined ? {} : { path: redact(path).slice(0, 2_048) }),
    ...(binary === undefined ? {} : { binary: binary.slice(0, 256) }),
    policyHash,
  };
}

/** Digest of exactly what is asked: attempts with the same one join a card. */
export function digestOf({
  sandboxId,
  scheme,
  host,
  port,
  method,
  path,
  binary,
  policyHash,
}: Question): string {
  const parts = [sandboxId, scheme, host, port, method ?? null, path ?? null, binary ?? null, policyHash];
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}

/** What makes it worth a second look. `known`: hosts that this principal was asked about or has a rule for. */
export function risksOf(facts: ApprovalFacts, known: ReadonlySet<string>): ApprovalRisk[] {
  return [
    ...(facts.kind === "name" ? [] : (["ip"] as const)),
    ...(facts.idn ? (["idn"] as const) : []),
    ...kindsOf(facts.host),
    ...(facts.method !== undefined && !READING.has(facts.method) ? (["write"] as const) : []),
    ...(known.has(facts.host) ? [] : (["first-time"] as const)),
  ];
}

/** Whether a standing rule for it is asked about once more. Being new alone is no reason. */
export function needsConfirmation(risks: readonly ApprovalRisk[]): boolean {
  return risks.some((risk) => risk !== "first-time");
}

/** Destination, program and request of a card, as grants and rules carry them. */
export function scopeOf({
  facts,
}: ApprovalRecord): Pick<Grant, "host" | "port" | "binary" | "method" | "path"> {
  const { host, port, binary, method, path } = facts;
  return {
    host,
    port,
    ...(binary === undefined ? {} : { binary }),
    ...(method === undefined ? {} : { method }),
    ...(path === undefined ? {} : { path }),
  };
}

/** A standing rule as policy reads it. Its origin keeps it from ever opening a private address. */
export function ruleOf(record: RuleRecord): EndpointRule {
  const { ruleId, host, port, binary, method, path } = record;
  const plain = plainRule(`rule:${ruleId}`, "approval", host, [port]);
  const program = binary === undefined ? {} : { binaries: [literal(binary)] };
  if (method === undefined) return { ...plain, ...program };
  const exact = literal(path ?? "/");
  if (method !== "WEBSOCKET")
    return { ...plain, ...program, protocol: "rest", allow: [{ method, path: exact }] };
  return {
    ...plain,
    ...program,
    protocol: "websocket",
    allow: [
      { method: "GET", path: exact },
      { method: "WEBSOCKET_TEXT", path: exact },
    ],
  };
}

/** A glob that means exactly this text. */
function literal(text: string): string {
  return text.replace(/[*?[]/g, "[$&]");
}
