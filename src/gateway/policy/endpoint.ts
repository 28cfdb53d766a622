/**
 * The meaning of one endpoint of a policy: from its written form to a rule of the model, or to what is wrong with it.
 * Never leaves a restriction out that it can't enforce: it says so and makes no rule.
 */
import { classifyAddress, OPENABLE, parseCidr, parseIp } from "../egress/guard/index.ts";
import { parseHostPattern } from "./hosts.ts";
import type { EndpointRule, HttpMatch, Origin, Protocol } from "./model.ts";
import type { Endpoint } from "./schema.ts";

/** Collects what is wrong and what should be known. */
export interface Report {
  problem(path: readonly PropertyKey[], message: string): void;
  warn(path: readonly PropertyKey[], message: string): void;
}

const ACCESS: Record<NonNullable<Endpoint["access"]>, readonly string[]> = {
  "read-only": ["GET", "HEAD", "OPTIONS"],
  "read-write": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"],
  full: ["*"],
};

/** Protocols of OpenShell that aren't parsed here, and what to do instead. */
const FOREIGN: Record<string, string> = {
  tcp: "transparent TCP does not exist here (the sandbox has no network); leave `protocol` out for a CONNECT tunnel",
  graphql: "GraphQL bodies are not parsed; use `protocol: rest`",
  mcp: "MCP calls are not parsed; use `protocol: rest`",
  "json-rpc": "JSON-RPC bodies are not parsed; use `protocol: rest`",
};

/** Program globs that mean any program. */
const ANY_PROGRAM = new Set(["*", "**", "/**"]);

/** Makes the rule of an endpoint; undefined when a problem was reported. */
export function endpointRule(
  name: string,
  origin: Origin,
  endpoint: Endpoint,
  binaries: readonly { path: string }[] | undefined,
  path: readonly PropertyKey[],
  report: Report,
): EndpointRule | undefined {
  let sound = true;
  const problem = (key: string | undefined, message: string) => {
    sound = false;
    report.problem(key === undefined ? path : [...path, key], message);
  };

  const host = hostOf(endpoint, origin, problem);
  const ports = portsOf(endpoint, problem);
  const protocol = protocolOf(endpoint, problem);
  const matches = matchesOf(endpoint, protocol, problem);
  const networks = networksOf(endpoint, origin, problem, (message) =>
    report.warn([...path, "allowed_ips"], message),
  );
  if (endpoint.tls === "skip" && protocol !== "l4")
    problem("tls", "`tls: skip` hides the requests that `protocol` and its rules are to judge");
  if (binaries?.length === 0)
    report.problem(path.slice(0, 2), "`binaries: []` matches no program; leave it out for any");
  if (!sound || binaries?.length === 0) return undefined;

  const enforce = endpoint.enforcement !== "audit";
  if (protocol !== "l4" && endpoint.enforcement === undefined) {
    report.warn(
      path,
      "no `enforcement`: OpenShell would only audit here; this gateway enforces (write `enforcement: audit` to let requests through)",
    );
  }
  if (host === undefined) {
    report.warn(
      path,
      "no `host`: only address literals inside `allowed_ips` are matched; names are not looked up for this rule",
    );
  }
  const programs = binaries?.map((binary) => binary.path);
  return {
    name,
    origin,
    ...(host === undefined ? {} : { host }),
    ports,
    protocol,
    enforce,
    ...(endpoint.path === undefined ? {} : { path: endpoint.path }),
    allow: matches,
    deny: (endpoint.deny_rules ?? []).map(httpMatch),
    ...(networks ? { allowedIps: networks } : {}),
    tlsSkip: endpoint.tls === "skip",
    sniOptional: endpoint.sni === "optional",
    allowEncodedSlash: endpoint.allow_encoded_slash ?? false,
    ...(programs && !programs.some((program) => ANY_PROGRAM.has(program)) ? { binaries: programs } : {}),
  };
}

type Problem = (key: string | undefined, message: string) => void;

function hostOf(endpoint: Endpoint, origin: Origin, problem: Problem): string | undefined {
  if (endpoint.host === undefined) {
    if (origin === "operator" && endpoint.allowed_ips) return undefined;
    problem(
      undefined,
      origin === "operator" ? "needs a `host`, or `allowed_ips`" : "a preset needs a `host`",
    );
    return undefined;
  }
  const parsed = parseHostPattern(endpoint.host);
  if (parsed.ok) return parsed.pattern.text;
  problem("host", parsed.message);
  return undefined;
}

function portsOf(endpoint: Endpoint, problem: Problem): number[] {
  if (endpoint.port !== undefined && endpoint.ports) problem("ports", "give `port` or `ports`, not both");
  if (endpoint.port === undefined && !endpoint.ports) problem(undefined, "needs a `port`");
  return endpoint.ports ?? [endpoint.port ?? 0];
}

function protocolOf(endpoint: Endpoint, problem: Problem): Protocol {
  switch (endpoint.protocol) {
    case undefined:
      return "l4";
    case "rest":
    case "websocket":
      return endpoint.protocol;
    default: {
      const foreign = FOREIGN[endpoint.protocol];
      problem(
        "protocol",
        foreign
          ? `\`protocol: ${endpoint.protocol}\` is not enforced here: ${foreign}`
          : "expected rest or websocket",
      );
      return "l4";
    }
  }
}

/** The requests that are allowed; empty for L4 rules. */
function matchesOf(endpoint: Endpoint, protocol: Protocol, problem: Problem): HttpMatch[] {
  const { access, rules, deny_rules: denials } = endpoint;
  if (protocol === "l4") {
    // `access: full` and rules that allow everything say what an L4 rule does anyhow (NemoClaw's first default policy has
    // both); every other restriction needs the requests to be seen.
    if (rules?.some(({ allow }) => allow.method === "*" && /^\/?\*\*$/.test(allow.path) && !allow.query)) {
      if (!denials && endpoint.path === undefined && access === undefined) return [];
    }
    if (rules || denials || endpoint.path !== undefined || (access !== undefined && access !== "full")) {
      const key = rules ? "rules" : denials ? "deny_rules" : endpoint.path !== undefined ? "path" : "access";
      problem(key, `\`${key}\` judges requests and needs \`protocol: rest\` or \`websocket\``);
    }
    return [];
  }
  if (access && rules) problem("access", "give `access` or `rules`, not both");
  if (!access && !rules) problem(undefined, `\`protocol: ${protocol}\` needs \`access\` or \`rules\``);
  const matches = rules
    ? rules.map((rule) => httpMatch(rule.allow))
    : access
      ? ACCESS[access].map((method) => ({ method, path: "/**" }))
      : [];
  if (protocol === "rest") return matches;
  if (access === "read-write" || access === "full")
    return [...matches, { method: "WEBSOCKET_TEXT", path: "/**" }];
  if (!matches.some((match) => match.method === "WEBSOCKET_TEXT" || match.method === "*")) {
    problem(
      undefined,
      "a WebSocket whose client may not send can't be enforced (frames are not inspected): add a WEBSOCKET_TEXT rule or `access: full`",
    );
  }
  return matches;
}

function httpMatch(written: NonNullable<Endpoint["deny_rules"]>[number]): HttpMatch {
  const query = Object.entries(written.query ?? {}).map(
    ([key, value]) =>
      [key, typeof value === "string" ? [value] : "any" in value ? value.any : [value.glob]] as const,
  );
  return {
    method: written.method,
    path: written.path,
    ...(query.length > 0 ? { query: Object.fromEntries(query) } : {}),
  };
}

function networksOf(
  endpoint: Endpoint,
  origin: Origin,
  problem: Problem,
  warn: (message: string) => void,
): string[] | undefined {
  if (!endpoint.allowed_ips) return undefined;
  if (origin !== "operator") {
    problem("allowed_ips", "only the operator's own policy file may open addresses");
    return undefined;
  }
  return endpoint.allowed_ips.flatMap((text) => {
    const network = parseCidr(text, true);
    if (!network) {
      problem("allowed_ips", `${JSON.stringify(text)} is not an address or a network`);
      return [];
    }
    const cls = classifyAddress(parseIp(network.text.split("/")[0]!)!).class;
    if (cls !== "public" && !OPENABLE.has(cls))
      warn(`${text} is ${cls}: never opened, whatever a policy says`);
    return [network.text];
  });
}
