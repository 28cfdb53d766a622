/**
 * The configuration of a home, with everything that components and the blueprint bring: as the supervisor takes it at its
 * start and at `nemoclaw reload`, and as commands check it before they change it.
 */
import { existsSync, readFileSync } from "node:fs";
import { INFERENCE_PARTS, providerOf } from "../../gateway/index.ts";
import { type ConfigFlags, type ResolvedConfig, resolveConfig } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import type { Blueprint } from "../../sandbox/index.ts";
import { WorkerConfig } from "../../worker/index.ts";
import { storedProviderKeys } from "../supervisor/secrets.ts";

/** What it is read with. */
export interface ReadOptions {
  /** Instead of the file's own text. */
  text?: string;
  env: NodeJS.ProcessEnv;
  flags?: ConfigFlags;
  /** Its policy and limits are the defaults below everything. */
  blueprint?: Blueprint;
}

/** Reads and checks it. @throws Fault `config-invalid` with file:line:column, variable or flag. */
export function readConfig(paths: Paths, { text, env, flags, blueprint }: ReadOptions): ResolvedConfig {
  const file = text ?? (existsSync(paths.config) ? readFileSync(paths.config, "utf8") : undefined);
  const resolved = resolveConfig({
    file: { path: paths.config, text: file },
    env,
    ...(flags ? { flags } : {}),
    parts: {
      inference: INFERENCE_PARTS.schema,
      egress: INFERENCE_PARTS.egress,
      worker: WorkerConfig,
      keys: INFERENCE_PARTS.keys,
    },
    defaults: blueprint ? defaultsOf(blueprint) : [],
    storedKeys: storedProviderKeys(paths),
  });
  for (const [name, sandbox] of Object.entries(resolved.config.sandboxes)) {
    if (sandbox?.provider === undefined || providerOf(sandbox.provider)) continue;
    throw new Fault({
      code: "config-invalid",
      message: `${paths.config}: sandboxes.${name}.provider: there is no provider ${sandbox.provider}`,
    });
  }
  return resolved;
}

function defaultsOf({ policy, profiles }: Blueprint): [string[], unknown][] {
  const limits = Object.entries(profiles.default.limits);
  return [
    [["egress", "unknown"], policy.unknown],
    ...limits.map(([name, value]): [string[], unknown] => [["worker", "profile", "limits", name], value]),
  ];
}
