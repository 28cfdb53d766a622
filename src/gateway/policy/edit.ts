/**
 * Small changes of a policy's text (`openshell policy update`): endpoints and requests in and out, comments kept. Pure:
 * makes a new text, which is then loaded like any other. @throws Fault `policy-edit` for what can't be done.
 */
import { type Document, parseDocument, stringify } from "yaml";
import { Fault } from "../../lib/errors.ts";

/** One change, as it is written on the command line. */
export type PolicyEdit =
  /** `host:port[:access[:protocol[:enforcement]]]` */
  | {
      readonly op: "add-endpoint";
      readonly spec: string;
      readonly binaries?: readonly string[];
      readonly rule?: string;
    }
  /** `host:port` */
  | { readonly op: "remove-endpoint"; readonly spec: string }
  /** `host:port:METHOD:path` */
  | { readonly op: "add-allow" | "add-deny"; readonly spec: string }
  | { readonly op: "remove-rule"; readonly spec: string };

interface Endpoint {
  host?: string;
  port?: number;
  ports?: number[];
  protocol?: string;
  access?: string;
  rules?: { allow: { method: string; path: string } }[];
  deny_rules?: { method: string; path: string }[];
}
type Policies = Record<string, { endpoints?: Endpoint[]; binaries?: { path: string }[] }>;

/** What `access` stands for, spelled out when a rule is added to it. */
const ACCESS: Record<string, readonly string[]> = {
  "read-only": ["GET", "HEAD", "OPTIONS"],
  "read-write": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"],
  full: ["*"],
};

/** The text after all changes, in order. */
export function editPolicy(text: string, edits: readonly PolicyEdit[]): string {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw refuse("the policy in force is no YAML: set a new file");
  for (const edit of edits) {
    if (document.has("egress")) editShort(document, edit);
    else editNamed(document, edit);
  }
  return document.toString({ lineWidth: 0 });
}

function editNamed(document: Document, edit: PolicyEdit): void {
  const policies = ((document.toJS() as { network_policies?: Policies } | null)?.network_policies ??
    {}) as Policies;
  // An empty flow map in the shipped file would make everything below it one line.
  if (Object.keys(policies).length === 0) document.setIn(["network_policies"], document.createNode({}));
  if (edit.op === "add-endpoint") addEndpoint(document, policies, edit);
  else if (edit.op === "remove-endpoint") removeEndpoint(document, policies, edit.spec);
  else if (edit.op === "remove-rule") {
    if (!Object.hasOwn(policies, edit.spec)) throw refuse(`there is no rule ${edit.spec}`);
    document.deleteIn(["network_policies", edit.spec]);
  } else addRequest(document, policies, edit.op, edit.spec);
}

function addEndpoint(
  document: Document,
  policies: Policies,
  edit: Extract<PolicyEdit, { op: "add-endpoint" }>,
): void {
  const { host, port, rest } = destination(edit.spec);
  const [access = "", protocol = "", enforcement = "", ...options] =
    rest === undefined ? [] : rest.split(":");
  if (options.length > 0) throw refuse(`${edit.spec}: options after the enforcement are not known here`);
  const judged = protocol !== "" || (access !== "" && access !== "full");
  const endpoint = {
    host,
    port,
    ...(judged
      ? {
          protocol: protocol || "rest",
          enforcement: enforcement || "enforce",
          access: access || "read-only",
        }
      : {}),
  };
  const name = edit.rule ?? `allow_${host.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "")}_${port}`;
  const binaries = edit.binaries?.map((path) => ({ path }));
  const there = Object.hasOwn(policies, name) ? policies[name] : undefined;
  if (there && binaries && JSON.stringify(there.binaries) !== JSON.stringify(binaries))
    throw refuse(`rule ${name} is there with other binaries: choose another --rule-name`);
  if (!there) {
    const policy = { endpoints: [endpoint], ...(binaries ? { binaries } : {}) };
    document.setIn(["network_policies", name], document.createNode(policy));
    return;
  }
  const at = (there.endpoints ?? []).findIndex((one) => covers(one, host, port));
  const index = at < 0 ? (there.endpoints?.length ?? 0) : at;
  document.setIn(["network_policies", name, "endpoints", index], document.createNode(endpoint));
}

function removeEndpoint(document: Document, policies: Policies, spec: string): void {
  const { host, port } = destination(spec);
  let found = false;
  for (const [name, { endpoints = [] }] of Object.entries(policies)) {
    const rest = endpoints.flatMap((endpoint) => {
      if (!covers(endpoint, host, port)) return [endpoint];
      found = true;
      const ports = endpoint.ports?.filter((one) => one !== port) ?? [];
      return ports.length > 0 ? [{ ...endpoint, ports }] : [];
    });
    if (rest.length === 0) document.deleteIn(["network_policies", name]);
    else if (JSON.stringify(rest) !== JSON.stringify(endpoints))
      document.setIn(["network_policies", name, "endpoints"], document.createNode(rest));
  }
  if (!found) throw refuse(`no rule names ${host}:${port}`);
}

function addRequest(
  document: Document,
  policies: Policies,
  op: "add-allow" | "add-deny",
  spec: string,
): void {
  const { host, port, rest = "" } = destination(spec);
  const [, method, path] = /^([^:]+):(\/.*)$/.exec(rest) ?? [];
  if (!method || !path) throw refuse(`${spec}: expected host:port:METHOD:/path`);
  let found = false;
  for (const [name, { endpoints = [] }] of Object.entries(policies)) {
    for (const [i, endpoint] of endpoints.entries()) {
      if (!covers(endpoint, host, port) || endpoint.protocol === undefined) continue;
      found = true;
      const at = ["network_policies", name, "endpoints", i];
      const match = { method: method.toUpperCase(), path };
      if (op === "add-deny") {
        const denials = [...(endpoint.deny_rules ?? []), match];
        document.setIn([...at, "deny_rules"], document.createNode(denials));
        continue;
      }
      const known =
        endpoint.rules ??
        (ACCESS[endpoint.access ?? ""] ?? []).map((one) => ({ allow: { method: one, path: "/**" } }));
      document.deleteIn([...at, "access"]);
      document.setIn([...at, "rules"], document.createNode([...known, { allow: match }]));
    }
  }
  if (!found) {
    throw refuse(
      `no endpoint ${host}:${port} judges requests: add it first (--add-endpoint ${host}:${port}:read-only:rest)`,
    );
  }
}

/** The short form knows whole connections only. */
function editShort(document: Document, edit: PolicyEdit): void {
  const rewrite = "the policy in force is in the short form (egress:); write it as version: 1 for this";
  if (edit.op === "remove-rule") throw refuse(`rules of the short form have no names; use --remove-endpoint`);
  if (edit.op === "add-allow" || edit.op === "add-deny") throw refuse(rewrite);
  const { host, port, rest } = destination(edit.spec);
  const entries = ((document.toJS() as { egress: { allowed?: { host: string; port?: number }[] } }).egress
    .allowed ?? []) as Endpoint[];
  const at = entries.findIndex((entry) => covers(entry, host, port));
  if (edit.op === "add-endpoint") {
    if (edit.binaries || edit.rule || (rest !== undefined && rest !== "full")) throw refuse(rewrite);
    if (at < 0) document.setIn(["egress", "allowed"], document.createNode([...entries, { host, port }]));
    return;
  }
  if (at < 0) throw refuse(`nothing names ${host}:${port}`);
  document.deleteIn(["egress", "allowed", at]);
}

function covers(endpoint: Endpoint, host: string, port: number): boolean {
  const ports = endpoint.ports ?? [endpoint.port];
  return endpoint.host?.toLowerCase() === host && ports.includes(port);
}

/** `host:port[:rest]`; an IPv6 literal stands in brackets. */
function destination(spec: string): { host: string; port: number; rest?: string } {
  const match = /^(\[[^\]]+\]|[^:[\]]+):(\d{1,5})(?::(.*))?$/s.exec(spec);
  if (!match) throw refuse(`${spec}: expected host:port…`);
  const [, host = "", port, rest] = match;
  return { host: host.toLowerCase(), port: Number(port), ...(rest === undefined ? {} : { rest }) };
}

function refuse(message: string): Fault {
  return new Fault({ code: "policy-edit", message });
}

/** A policy that says nothing, to start from. */
export const BLANK_POLICY: string = stringify({ version: 1, network_policies: {} });
