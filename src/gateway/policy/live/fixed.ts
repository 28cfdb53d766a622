/**
 * Sections that are fixed when a sandbox is made (`filesystem_policy`, `landlock`, `process`): a policy file may repeat
 * them, leave them out, or state what the sandbox keeps anyhow; what it can't keep, or a change, is refused by name.
 * Nothing here is enforced: the sandbox component does that, from the blueprint.
 */
import type { PolicyModel, StaticSections } from "../model.ts";
import { fixedChanges } from "../revisions.ts";

/** What became of the sections of a file. */
export interface FixedVerdict {
  /** One sentence per section that can't be accepted, its name first. */
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
}

/** OpenShell's name for the home. */
const HOME = "/sandbox";

/** Judges a file's sections. `made`: what the sandbox was made with; `stated`: what the revision in force says. */
export function judgeFixed(
  made: StaticSections,
  stated: StaticSections,
  wanted: StaticSections,
): FixedVerdict {
  const keys = (Object.keys(wanted) as (keyof StaticSections)[]).filter((key) => wanted[key] !== undefined);
  const changed = fixedChanges(part(stated, keys), part({ ...stated, ...wanted }, keys)).filter(
    (name) => stated[KEYS[name]!] !== undefined,
  );
  const refused = changed.map(
    (name) => `${name} is fixed when a sandbox is made and can't change while it lives`,
  );
  const warnings: string[] = [];
  const fresh = keys.filter((key) => stated[key] === undefined);
  if (fresh.includes("filesystem")) judgeFiles(made, wanted, refused, warnings);
  if (fresh.includes("landlock") && wanted.landlock === "hard_requirement" && made.landlock === "best_effort")
    refused.push("landlock: this host runs its sandboxes with best_effort (sandbox.protections)");
  const { runAsUser, runAsGroup } = fresh.includes("process") ? (wanted.process ?? {}) : {};
  for (const [name, value, own] of [
    ["run_as_user", runAsUser, made.process?.runAsUser],
    ["run_as_group", runAsGroup, made.process?.runAsGroup],
  ] as const) {
    if (value !== undefined && value !== "sandbox" && value !== own)
      refused.push(
        `process: ${name} is ${own ?? "sandbox"} in every sandbox of this version, it can't be ${value}`,
      );
  }
  return { refused, warnings };
}

const KEYS: Record<string, keyof StaticSections> = {
  filesystem_policy: "filesystem",
  landlock: "landlock",
  process: "process",
};

/** What may be written must be no more than the file says; what the file opens beyond that stays closed. */
function judgeFiles(
  made: StaticSections,
  wanted: StaticSections,
  refused: string[],
  warnings: string[],
): void {
  const own = made.filesystem?.readWrite.filter((path) => !within(path, "/dev")) ?? [];
  const home = own.find((path) => path.startsWith("/home/"));
  const inside = (path: string) =>
    home !== undefined && within(path, HOME) ? home + path.slice(HOME.length) : path;
  const files = wanted.filesystem!;
  const writable = [...files.readWrite.map(inside), ...(files.includeWorkdir && home ? [home] : [])];
  for (const path of own) {
    if (!writable.some((one) => within(path, one)))
      refused.push(
        `filesystem_policy: ${path} is writable in every sandbox, which this file doesn't say; it is fixed when a sandbox is made`,
      );
  }
  for (const [i, path] of files.readWrite.entries()) {
    const at = inside(path);
    if (!within(at, "/dev") && !own.some((one) => within(at, one)))
      warnings.push(`filesystem_policy.read_write[${i}]: ${path} is not writable in a sandbox and stays so`);
  }
  for (const [i, path] of files.readOnly.entries()) {
    if (own.some((one) => within(inside(path), one)))
      warnings.push(
        `filesystem_policy.read_only[${i}]: ${path} lies in a place that every sandbox may write to, and is writable`,
      );
  }
}

function within(path: string, parent: string): boolean {
  const base = parent.replace(/\/+$/, "");
  return path === base || path.startsWith(`${base}/`);
}

function part(sections: StaticSections, keys: readonly (keyof StaticSections)[]): PolicyModel {
  const fixed = Object.fromEntries(keys.map((key) => [key, sections[key]]));
  return { rules: [], denials: [], fixed };
}
