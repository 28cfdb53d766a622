/** Checks of what the operator wrote: config.yaml and the policy file. */
import { existsSync, readFileSync } from "node:fs";
import { EgressConfig, formatNotices, loadPolicy } from "../../gateway/index.ts";
import { describeError } from "../../lib/errors.ts";
import { type Finding, fail, ok } from "../preflight/finding.ts";
import type { Examined } from "./examined.ts";

/** Whether config.yaml and the environment make a configuration. */
export function checkConfig({ paths, config, configProblem }: Examined): Finding {
  const name = "config";
  if (!config) {
    return fail(
      name,
      configProblem,
      `correct it (docs/operating.md has every setting), or move ${paths.config} away to start with defaults`,
    );
  }
  return ok(name, existsSync(paths.config) ? paths.config : "no config.yaml: defaults");
}

/** Whether the policy file would be taken in. A broken one leaves the last good policy in force. */
export function checkPolicyFile({ paths, config }: Examined): Finding {
  const name = "policy file";
  const named = EgressConfig.safeParse(config?.egress ?? {}).data?.policyFile;
  const file = named ?? paths.policyFile;
  if (!existsSync(file)) {
    return named === undefined
      ? ok(name, "none: the policy is what was set by command, else the blueprint's")
      : fail(
          name,
          `${file} is named by egress.policyFile and isn't there`,
          `restore ${file}, or remove the setting`,
        );
  }
  try {
    const loaded = loadPolicy(file, readFileSync(file, "utf8"));
    if (loaded.ok) return ok(name, file);
    const [first = "", ...more] = formatNotices(loaded.problems).split("\n");
    const rest = more.length > 0 ? ` (and ${more.length} more)` : "";
    return fail(
      name,
      `${first}${rest}`,
      "correct the file: it is taken in within a second, no restart needed",
    );
  } catch (error) {
    return fail(name, `${file}: ${describeError(error)}`, `make it readable: chmod u+r ${file}`);
  }
}
