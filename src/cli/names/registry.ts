/**
 * Which sandboxes this home knows, by name: those that the operator onboarded (`sandboxes:` in config.yaml) and those
 * that were made for other people (the launcher's records). Read from disk: it works with every service down.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readYaml } from "../../lib/config-file.ts";
import { Fault } from "../../lib/errors.ts";
import { derivedId, isPrincipalId, OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import { type Paths, pathsOf } from "../../lib/paths.ts";
import { didYouMean } from "./similar.ts";

/** Name of the operator's sandbox where nothing was onboarded. */
export const FIRST_SANDBOX = "my-agent";

/** A sandbox as far as the disk knows it. */
export interface KnownSandbox {
  /** Its principal's id, which is its own. */
  id: string;
  name: string;
  /** The operator's own; else made for a person or group. */
  operators: boolean;
  /** `sandboxes:` of config.yaml has it. */
  named: boolean;
  /** As the launcher last recorded it; undefined before the first start. */
  state?: "stopped" | "running" | "parked";
  /** `provider/model`: what config.yaml gives it, else what its agent was told last. */
  model?: string;
}

/** What we need of `sandboxes/<id>.json` (sandbox/process/records.ts). */
const Recorded = z.object({
  id: z.string().refine(isPrincipalId),
  name: z.string(),
  state: z.enum(["stopped", "running", "parked"]),
  agent: z.object({ model: z.string() }),
});

/** Whose sandbox a name of config.yaml is that has no `id` there: my-agent is the operator's own, others have theirs. */
export function onboardedId(name: string): string {
  return name === FIRST_SANDBOX ? OPERATOR_PRINCIPAL : derivedId("p", "sandbox", name);
}

/** All of them; the default first, then by name. Unreadable parts are left out: `doctor` speaks of them. */
export function knownSandboxes(paths: Paths): { sandboxes: KnownSandbox[]; default: string } {
  const { names, chosen, general } = onboarded(paths);
  const records = recorded(paths);
  const found = new Map<string, KnownSandbox>();
  for (const [name, { id, model = general }] of names)
    found.set(id, { id, name, operators: true, named: true, ...(model ? { model } : {}) });
  if (!found.has(OPERATOR_PRINCIPAL) && !names.has(FIRST_SANDBOX))
    found.set(OPERATOR_PRINCIPAL, {
      ...{ id: OPERATOR_PRINCIPAL, name: FIRST_SANDBOX },
      ...{ operators: true, named: false },
    });
  for (const { id, name, state, agent } of records) {
    const known = found.get(id);
    found.set(id, {
      ...{ id, name, operators: false, named: false },
      ...{ state, model: agent.model },
      ...known,
    });
  }
  const all = [...found.values()];
  const first = all.find(({ id }) => id === OPERATOR_PRINCIPAL)?.name ?? FIRST_SANDBOX;
  const byDefault = chosen !== undefined && all.some(({ name }) => name === chosen) ? chosen : first;
  const rank = ({ name }: KnownSandbox) => (name === byDefault ? 0 : 1);
  all.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  return { sandboxes: all, default: byDefault };
}

/** The sandbox of that name or id. @throws Fault `sandbox-unknown` that names those there are. */
export function findSandbox(home: string, name: string): KnownSandbox {
  const { sandboxes } = knownSandboxes(pathsOf(home));
  const matches = sandboxes.filter((one) => one.name === name || one.id === name);
  if (matches.length === 1 && matches[0]) return matches[0];
  if (matches.length > 1)
    throw new Fault({
      code: "sandbox-ambiguous",
      message: `several sandboxes are called ${name}`,
      hint: `say one by its id: ${matches.map(({ id }) => id).join(", ")}`,
    });
  const names = sandboxes.map((one) => one.name);
  const near = didYouMean(name, names);
  throw new Fault({
    code: "sandbox-unknown",
    message: `there is no sandbox ${name}${near ? ` (did you mean ${near}?)` : ""}`,
    hint: `sandboxes: ${names.join(", ")}; nemoclaw onboard makes another`,
  });
}

/** A sandbox of config.yaml. */
interface Named {
  id: string;
  /** `provider/model`, where it says so. */
  model?: string | undefined;
}

const Model = z.object({ provider: z.string(), model: z.string().optional() }).optional().catch(undefined);
const Onboarded = z.object({
  sandboxes: z
    .record(z.string(), z.looseObject({ id: z.string().optional() }).nullable().catch({}))
    .catch({})
    .default({}),
  defaultSandbox: z.string().optional().catch(undefined),
  inference: z.looseObject({ default: Model }).optional().catch(undefined),
});

const modelText = (given: z.infer<typeof Model>): string | undefined =>
  given?.model === undefined ? undefined : `${given.provider}/${given.model}`;

/** What config.yaml says: names, the chosen default, everybody's model. A broken file is nobody's business here. */
function onboarded(paths: Paths): {
  names: Map<string, Named>;
  chosen: string | undefined;
  general: string | undefined;
} {
  const names = new Map<string, Named>();
  let value: unknown;
  try {
    value = readYaml(paths.config, readFileSync(paths.config, "utf8")).value;
  } catch {
    return { names, chosen: undefined, general: undefined };
  }
  const { sandboxes, defaultSandbox, inference } = Onboarded.parse(value);
  for (const [name, settings] of Object.entries(sandboxes))
    names.set(name, { id: settings?.id ?? onboardedId(name), model: modelText(Model.parse(settings ?? {})) });
  return { names, chosen: defaultSandbox, general: modelText(inference?.default) };
}

function recorded(paths: Paths): z.infer<typeof Recorded>[] {
  let files: string[];
  try {
    files = readdirSync(paths.launcher.records);
  } catch {
    return []; // Nothing was started yet, or the home is another user's.
  }
  return files
    .filter((file) => file.endsWith(".json"))
    .flatMap((file) => {
      try {
        return [Recorded.parse(JSON.parse(readFileSync(join(paths.launcher.records, file), "utf8")))];
      } catch {
        return [];
      }
    });
}
