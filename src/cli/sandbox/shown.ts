/** Sandboxes of a home with what disk, worker and gateway know of each. Works with every service down. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { PolicyView } from "../../gateway/index.ts";
import { Fault } from "../../lib/errors.ts";
import { homeFrom, type Paths, pathsOf } from "../../lib/paths.ts";
import type { SandboxRow } from "../../worker/index.ts";
import { type KnownSandbox, knownSandboxes } from "../names/registry.ts";
import { workerRows } from "../operator/sandboxes.ts";
import { askGateway, type HomeOption, resolveTarget } from "../policy/target.ts";
import { phaseOf, type SandboxShown } from "./phases.ts";

/** All of them, the default first. */
export async function shownSandboxes(options: HomeOption): Promise<SandboxShown[]> {
  const paths = pathsOf(options.home ?? homeFrom(process.env));
  const known = knownSandboxes(paths);
  // Without a worker it is what the disk knows.
  const rows = await workerRows(paths).catch(() => new Map<string, SandboxRow>());
  return known.sandboxes.map((one) => shownOf(paths, one, rows, known.default));
}

/** One by its name or id. @throws Fault `sandbox-unknown` */
export async function shownSandbox(name: string, options: HomeOption): Promise<SandboxShown> {
  const id = resolveTarget(name, options);
  const one = (await shownSandboxes(options)).find((sandbox) => sandbox.id === id);
  if (one) return one;
  throw new Fault({
    code: "sandbox-unknown",
    message: `there is no sandbox ${name}`,
    hint: "openshell sandbox list",
  });
}

/** All that holds for it, as a policy file; undefined while no gateway runs. */
export async function policyTextOf(id: string, options: HomeOption): Promise<string | undefined> {
  try {
    const view = await askGateway<PolicyView>(options, "policy.get", { target: id, full: true });
    return view.full ?? view.text;
  } catch (error) {
    if (error instanceof Fault && error.code === "service-not-running") return undefined;
    throw error;
  }
}

function shownOf(
  paths: Paths,
  one: KnownSandbox,
  rows: ReadonlyMap<string, SandboxRow>,
  byDefault: string,
): SandboxShown {
  const { id, name, state: recorded, model, operators } = one;
  const row = rows.get(id);
  const made = statSync(paths.user(id).dir, { throwIfNoEntry: false });
  const record = statSync(join(paths.launcher.records, `${id}.json`), { throwIfNoEntry: false });
  return {
    ...{ id, name, phase: phaseOf({ recorded, ...row }) },
    created_at_ms: Math.round(made?.birthtimeMs ?? 0),
    resource_version: Math.round(record?.mtimeMs ?? 0),
    labels: {
      owner: operators ? "operator" : "chat",
      ...(name === byDefault ? { default: "true" } : {}),
      ...(model === undefined ? {} : { model }),
    },
  };
}
