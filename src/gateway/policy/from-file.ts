/**
 * From file text to the policy model: YAML with positions, the schema, then the meaning of each endpoint. All or
 * nothing: with one problem there is no model. Says where everything is wrong at once, as `file:line:column`.
 */
import type { z } from "zod";
import { type ConfigSource, readYaml } from "../../lib/config-file.ts";
import { Fault } from "../../lib/errors.ts";
import { findConflicts } from "./conflicts.ts";
import { endpointRule, type Report } from "./endpoint.ts";
import { parseHostPattern } from "./hosts.ts";
import type { Denial, EndpointRule, Loaded, Notice, Origin, PolicyModel, StaticSections } from "./model.ts";
import { type NetworkPolicies, OpenShellFile, PresetFile, ShortFile } from "./schema.ts";

/** Longest policy file. A real one has a few kilobytes. */
const MAX_TEXT = 256 * 1024;
/** Deepest sensible nesting is 8; flow collections of thousands would exhaust the parser's stack. */
const MAX_NESTING = 64;

/** Reads a policy file of either dialect. Rules are the operator's. */
export function loadPolicy(file: string, text: string): Loaded<PolicyModel> {
  const opened = openYaml(file, text);
  if (!opened.ok) return opened;
  const { source } = opened;
  const keys = Object.keys(source.value as object);
  if (keys.includes("egress") && (keys.includes("version") || keys.includes("network_policies"))) {
    const at = source.locate(["egress"], "key");
    return fail([
      { at, message: "a policy is either `egress:` or `version: 1` with `network_policies:`, not both" },
    ]);
  }
  if (keys.includes("preset")) {
    const at = source.locate(["preset"], "key");
    return fail([{ at, message: "this is a preset; add it with `policy-add`" }]);
  }
  return keys.includes("egress") ? loadShort(source) : loadOpenShell(source);
}

/** A preset, its description and the rules that it adds. */
export interface Preset {
  readonly name: string;
  readonly description: string;
  readonly letsDataOut: boolean;
  readonly rules: readonly EndpointRule[];
}

/** A host and port that a client's configuration names. */
export interface RegistryHost {
  readonly host: string;
  readonly port: number;
}

/** Stands for the client's registries in a preset's hosts. */
const REGISTRY = "$registry";

/** What kind of registry a preset needs, before its rules can be made; undefined when none or unreadable. */
export function presetRegistry(file: string, text: string): "npm" | "pip" | "docker" | undefined {
  const opened = openYaml(file, text);
  const parsed = opened.ok ? PresetFile.safeParse(opened.source.value) : undefined;
  return parsed?.success ? parsed.data.preset.registry : undefined;
}

/** Reads a preset (ours or NVIDIA's). `registries` replace `$registry`; a preset never opens a private address. */
export function loadPreset(
  file: string,
  text: string,
  registries: readonly RegistryHost[] = [],
): Loaded<Preset> {
  const opened = openYaml(file, text);
  if (!opened.ok) return opened;
  const { source } = opened;
  const shaped = shape(PresetFile, source);
  if (!shaped.ok) return shaped;
  const { preset, network_policies } = shaped.value;
  const report = reporter(source);
  const { rules } = networkRules(network_policies, "preset", report, `preset:${preset.name}`, registries);
  if (report.problems.length > 0) return fail(report.problems);
  const value = {
    name: preset.name,
    description: preset.description,
    letsDataOut: preset.lets_data_out ?? false,
    rules,
  };
  return { ok: true, value, warnings: report.warnings };
}

function loadOpenShell(source: ConfigSource): Loaded<PolicyModel> {
  const shaped = shape(OpenShellFile, source);
  if (!shaped.ok) return shaped;
  const data = shaped.value;
  const report = reporter(source);
  const { rules, paths } = networkRules(data.network_policies ?? {}, "operator", report);
  reportConflicts(rules, paths, report);
  if (report.problems.length > 0) return fail(report.problems);
  return { ok: true, value: { rules, denials: [], fixed: fixedSections(data) }, warnings: report.warnings };
}

function loadShort(source: ConfigSource): Loaded<PolicyModel> {
  const shaped = shape(ShortFile, source);
  if (!shaped.ok) return shaped;
  const { allowed, denied } = shaped.value.egress;
  const report = reporter(source);
  const rules: EndpointRule[] = [];
  const denials: Denial[] = [];
  const portsOf = (entry: (typeof allowed)[number], path: PropertyKey[]): number[] | "any" | undefined => {
    if (entry.port !== undefined && entry.ports)
      report.problem([...path, "ports"], "give `port` or `ports`, not both");
    if (entry.ports) return entry.ports;
    return entry.port === "*" ? "any" : entry.port === undefined ? undefined : [entry.port];
  };
  for (const [i, entry] of allowed.entries()) {
    const path = ["egress", "allowed", i];
    const parsed = parseHostPattern(entry.host);
    if (!parsed.ok) report.problem([...path, "host"], parsed.message);
    const ports = portsOf(entry, path);
    if (!ports) report.problem(path, 'needs a `port` (443, or "*" for any)');
    if (parsed.ok && ports)
      rules.push(plainRule(`egress.allowed[${i}]`, "operator", parsed.pattern.text, ports));
  }
  for (const [i, entry] of denied.entries()) {
    const path = ["egress", "denied", i];
    const ports = portsOf(entry, path) ?? "any";
    const name = `egress.denied[${i}]`;
    if (entry.host === "*") {
      // Everything else is denied anyhow, until somebody allows it: this entry is the default, spelled out.
      if (ports !== "any") denials.push({ name, ports });
      continue;
    }
    const parsed = parseHostPattern(entry.host, true);
    if (parsed.ok) denials.push({ name, host: parsed.pattern.text, ports });
    else report.problem([...path, "host"], parsed.message);
  }
  if (report.problems.length > 0) return fail(report.problems);
  return { ok: true, value: { rules, denials, fixed: {} }, warnings: report.warnings };
}

/** A rule for whole connections. */
export function plainRule(
  name: string,
  origin: Origin,
  host: string,
  ports: readonly number[] | "any",
): EndpointRule {
  return {
    name,
    origin,
    host,
    ports,
    protocol: "l4",
    enforce: true,
    allow: [],
    deny: [],
    tlsSkip: false,
    sniOptional: false,
    allowEncodedSlash: false,
  };
}

function networkRules(
  policies: NetworkPolicies,
  origin: Origin,
  report: Report,
  ruleName?: string,
  registries: readonly RegistryHost[] = [],
): { rules: EndpointRule[]; paths: PropertyKey[][] } {
  const rules: EndpointRule[] = [];
  const paths: PropertyKey[][] = [];
  for (const [key, policy] of Object.entries(policies)) {
    for (const [i, endpoint] of policy.endpoints.entries()) {
      const path = ["network_policies", key, "endpoints", i];
      const expanded =
        endpoint.host === REGISTRY
          ? registries.map(({ host, port }) => ({ ...endpoint, host, port }))
          : [endpoint];
      if (expanded.length === 0)
        report.problem([...path, "host"], "this client's configuration names no registry");
      for (const one of expanded) {
        const rule = endpointRule(ruleName ?? key, origin, one, policy.binaries, path, report);
        if (!rule) continue;
        rules.push(rule);
        paths.push(path);
      }
    }
  }
  return { rules, paths };
}

function reportConflicts(
  rules: readonly EndpointRule[],
  paths: readonly PropertyKey[][],
  report: Report,
): void {
  for (const { first, second, property } of findConflicts(rules)) {
    const [a, b] = [rules[first]!, rules[second]!];
    const message = `contradicts rule "${a.name}" (${a.host}): they cover the same host and port but differ in \`${property}\``;
    report.problem(paths[second]!, `rule "${b.name}" (${b.host}) ${message}`);
  }
}

function fixedSections(data: OpenShellFile): StaticSections {
  const { filesystem_policy: fs, landlock, process } = data;
  return {
    ...(fs
      ? {
          filesystem: {
            includeWorkdir: fs.include_workdir,
            readOnly: fs.read_only,
            readWrite: fs.read_write,
          },
        }
      : {}),
    ...(landlock?.compatibility ? { landlock: landlock.compatibility } : {}),
    ...(process
      ? {
          process: {
            ...(process.run_as_user ? { runAsUser: process.run_as_user } : {}),
            ...(process.run_as_group ? { runAsGroup: process.run_as_group } : {}),
          },
        }
      : {}),
  };
}

function openYaml(
  file: string,
  text: string,
): { ok: true; source: ConfigSource } | { ok: false; problems: Notice[] } {
  const bad = (message: string, at = `${file}:1:1`) => ({ ok: false as const, problems: [{ at, message }] });
  if (text.length > MAX_TEXT) return bad(`longer than ${MAX_TEXT / 1024} KB`);
  if (text.trim() === "") return bad("is empty");
  if (nesting(text) > MAX_NESTING) return bad(`nested deeper than ${MAX_NESTING} levels`);
  try {
    const source = readYaml(file, text);
    // zod's records pass over this key without a word; nothing written in a policy may be passed over.
    if (hasKey(source.value, "__proto__")) return bad("the key `__proto__` is not accepted");
    return { ok: true, source };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Fault messages of the YAML reader already begin with the place.
    const place = error instanceof Fault ? /^(.*?:\d+:\d+): ([\s\S]*)$/.exec(message) : null;
    return place ? bad(place[2]!.split("\n")[0]!, place[1]!) : bad(message.split("\n")[0]!);
  }
}

function hasKey(value: unknown, wanted: string): boolean {
  let found = false;
  JSON.stringify(value, (key, inner: unknown) => {
    if (key === wanted) found = true;
    return inner;
  });
  return found;
}

/** An upper bound for nesting, without parsing: open brackets, and indentation in the usual steps. */
function nesting(text: string): number {
  let open = 0;
  let deepest = 0;
  for (const char of text) {
    if (char === "[" || char === "{") deepest = Math.max(deepest, ++open);
    else if ((char === "]" || char === "}") && open > 0) open--;
  }
  return Math.max(deepest, longestRun(text));
}

/** `- - - -` and `? ? ? ?` nest too. */
function longestRun(text: string): number {
  let longest = 0;
  for (const match of text.matchAll(/(?:[-?:] +)+/g))
    longest = Math.max(longest, Math.ceil(match[0].length / 2));
  return longest > MAX_NESTING ? longest : 0;
}

function shape<T>(
  schema: z.ZodType<T>,
  source: ConfigSource,
): { ok: true; value: T } | { ok: false; problems: Notice[] } {
  const parsed = schema.safeParse(source.value);
  if (parsed.success) return { ok: true, value: parsed.data };
  return fail(parsed.error.issues.flatMap((issue) => noticesOf(issue, source)));
}

function noticesOf(issue: z.core.$ZodIssue, source: ConfigSource): Notice[] {
  const where = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      at: source.locate([...issue.path, key], "key"),
      message: `unknown key \`${key.slice(0, 80)}\`${where ? ` in ${where}` : ""}`,
    }));
  }
  const custom = issue.code === "custom";
  return [
    {
      at: source.locate(issue.path, custom ? "key" : "value"),
      message: where ? `\`${where}\` ${custom ? "" : "- "}${issue.message}` : issue.message,
    },
  ];
}

function reporter(source: ConfigSource): Report & { problems: Notice[]; warnings: Notice[] } {
  const problems: Notice[] = [];
  const warnings: Notice[] = [];
  return {
    problems,
    warnings,
    problem: (path, message) => void problems.push({ at: source.locate(path, "value"), message }),
    warn: (path, message) => void warnings.push({ at: source.locate(path, "value"), message }),
  };
}

function fail(problems: readonly Notice[]): { ok: false; problems: Notice[] } {
  return { ok: false, problems: problems.slice(0, 50) };
}
