/**
 * A policy model as a file again, in OpenShell's form: what `policy get --full` prints. Loads back to the same rules;
 * what that form can't say (the operator's denials, approved requests) stands in comments. Pure.
 */
import { stringify } from "yaml";
import type { EndpointRule, HttpMatch, PolicyModel } from "../model.ts";
import { describeRule } from "../revisions.ts";

/** The file. */
export function renderPolicy(model: PolicyModel): string {
  const policies: Record<string, { endpoints: unknown[]; binaries?: { path: string }[] }> = {};
  const comments: string[] = [];
  for (const rule of model.rules) {
    // A port of "any" exists in the short form and after taps only.
    if (rule.ports === "any") {
      comments.push(`# ${describeRule(rule)}`);
      continue;
    }
    const name = keyFor(rule, policies);
    policies[name] ??= {
      endpoints: [],
      ...(rule.binaries ? { binaries: rule.binaries.map((path) => ({ path })) } : {}),
    };
    policies[name].endpoints.push(endpointOf(rule));
  }
  for (const { name, host = "*", ports } of model.denials)
    comments.push(
      `# denied, whatever is approved: ${host}:${ports === "any" ? "*" : ports.join(",")} (${name})`,
    );
  const { filesystem, landlock, process } = model.fixed;
  const document = {
    version: 1,
    ...(filesystem
      ? {
          filesystem_policy: {
            include_workdir: filesystem.includeWorkdir,
            read_only: filesystem.readOnly,
            read_write: filesystem.readWrite,
          },
        }
      : {}),
    ...(landlock ? { landlock: { compatibility: landlock } } : {}),
    ...(process
      ? {
          process: {
            ...(process.runAsUser ? { run_as_user: process.runAsUser } : {}),
            ...(process.runAsGroup ? { run_as_group: process.runAsGroup } : {}),
          },
        }
      : {}),
    network_policies: policies,
  };
  return stringify(document, { lineWidth: 0 }) + comments.map((line) => `${line}\n`).join("");
}

/** Rules of one name share a key if they share their programs; origins other than the file's show in the name. */
function keyFor(
  rule: EndpointRule,
  taken: Readonly<Record<string, { binaries?: { path: string }[] }>>,
): string {
  const base = rule.name.replace(/[^A-Za-z0-9_.:-]/g, "_").replace(/^[^A-Za-z0-9]+/, "") || "rule";
  const programs = rule.binaries?.join("\n");
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}_${n}`;
    const there = taken[name];
    if (!there || there.binaries?.map(({ path }) => path).join("\n") === programs) return name;
  }
}

function endpointOf(rule: EndpointRule): Record<string, unknown> {
  const ports = rule.ports as readonly number[];
  const judged = rule.protocol !== "l4";
  return {
    ...(rule.host === undefined ? {} : { host: rule.host }),
    ...(ports.length === 1 ? { port: ports[0] } : { ports }),
    ...(rule.path === undefined ? {} : { path: rule.path }),
    ...(judged ? { protocol: rule.protocol, enforcement: rule.enforce ? "enforce" : "audit" } : {}),
    ...(judged ? { rules: rule.allow.map((match) => ({ allow: matchOf(match) })) } : {}),
    ...(rule.deny.length > 0 ? { deny_rules: rule.deny.map(matchOf) } : {}),
    ...(rule.allowedIps ? { allowed_ips: rule.allowedIps } : {}),
    ...(rule.tlsSkip ? { tls: "skip" } : {}),
    ...(rule.sniOptional ? { sni: "optional" } : {}),
    ...(rule.allowEncodedSlash ? { allow_encoded_slash: true } : {}),
  };
}

function matchOf({ method, path, query }: HttpMatch): Record<string, unknown> {
  const written = Object.entries(query ?? {}).map(([key, globs]) => [
    key,
    globs.length === 1 ? globs[0] : { any: globs },
  ]);
  return { method, path, ...(query ? { query: Object.fromEntries(written) } : {}) };
}
