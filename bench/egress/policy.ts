/**
 * A policy of realistic size: the presets of a developer's sandbox, forty endpoints of the operator's own (exact hosts,
 * wildcards, inspected ones), a few denials, and the one host that the bench connects to.
 */
import {
  builtInPreset,
  type CompiledPolicy,
  combine,
  compilePolicy,
  formatNotices,
  loadPolicy,
} from "../../src/gateway/policy/index.ts";

/** The host of every measured connection: TLS on 443 and 8443, plain HTTP on 80. */
export const HOST = "api.example.com";

const PRESETS = [
  "github",
  "huggingface",
  "jira",
  "slack",
  "discord",
  "outlook",
  "public-reference",
  "weather",
];

/** Compiles it. */
export async function benchPolicy(): Promise<CompiledPolicy> {
  const endpoints = Array.from({ length: 40 }, (_, i) => {
    const host = i % 4 === 0 ? `'*.team${i}.example.net'` : `service${i}.example.org`;
    const inspected = i % 5 === 0 ? ", protocol: rest, access: read-only" : "";
    return `  svc${i}: { endpoints: [{ host: ${host}, port: 443${inspected} }] }`;
  });
  const text = `
version: 1
network_policies:
  bench: { endpoints: [{ host: ${HOST}, ports: [80, 443, 8443] }] }
${endpoints.join("\n")}
`;
  const own = loadPolicy("policy.yaml", text);
  if (!own.ok) throw new Error(formatNotices(own.problems));
  const presets = await Promise.all(PRESETS.map((name) => builtInPreset(name)));
  const rules = presets.flatMap((preset) => (preset?.ok ? preset.value.rules : []));
  const all = combine(own.value.rules, rules, []);
  if (!all.ok) throw new Error(all.problems.join("\n"));
  const denials = [{ name: "ads", host: "*.ads.example", ports: "any" as const }];
  return compilePolicy({
    hash: "bench",
    fallback: "ask",
    rules: all.rules,
    denials: [...own.value.denials, ...denials],
  });
}
