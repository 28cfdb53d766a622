/** Checks of what runs in every sandbox: the blueprint, its lock, the installed runtime; and of the sandboxes' records. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { type Blueprint, inspectRuntime, resolveBlueprint, SandboxInfo } from "../../sandbox/index.ts";
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import type { Examined } from "./examined.ts";

/** Both, since the runtime belongs to the blueprint. */
export async function checkAgent(examined: Examined): Promise<Finding[]> {
  const name = "blueprint";
  let blueprint: Blueprint;
  try {
    blueprint = await resolveBlueprint(examined.project);
  } catch (error) {
    const fix =
      (error instanceof Fault && error.hint) || "restore blueprint.yaml and blueprint/ from the release";
    return [fail(name, error instanceof Error ? error.message : String(error), fix)];
  }
  const { agent, packages } = blueprint;
  return [
    ok(name, `${agent.package} ${agent.version}, ${packages} packages, lock as recorded`),
    await checkRuntime(examined, blueprint),
  ];
}

async function checkRuntime({ paths, service }: Examined, blueprint: Blueprint): Promise<Finding> {
  const name = "runtime";
  const state = await inspectRuntime(blueprint, paths);
  switch (state.kind) {
    case "intact":
      return ok(name, `every package as it was installed (${blueprint.digest.slice(0, 12)})`);
    case "unsealed":
      return ok(name, `installed without digests of its packages (${blueprint.digest.slice(0, 12)})`);
    case "tampered":
      return fail(
        name,
        `${state.dir}: ${state.what}`,
        `nemoclaw stop --all, rm -r ${state.dir}, nemoclaw start`,
      );
    case "absent":
      return service
        ? fail(
            name,
            `${state.dir} is gone under the running service`,
            "nemoclaw stop --all, then nemoclaw start",
          )
        : warn(
            name,
            "not installed yet",
            "nemoclaw start installs it (a minute or so, needs the npm registry)",
          );
  }
}

/** One file per sandbox, which the launcher needs to take over what runs. */
export function checkRecords({ paths }: Examined): Finding {
  const name = "sandbox records";
  let files: string[];
  try {
    files = readdirSync(paths.launcher.records).filter((file) => file.endsWith(".json"));
  } catch {
    return ok(name, "none yet");
  }
  const damaged = files.filter((file) => {
    try {
      SandboxInfo.parse(JSON.parse(readFileSync(join(paths.launcher.records, file), "utf8")));
      return false;
    } catch {
      return true;
    }
  });
  const [first] = damaged;
  if (first === undefined) return ok(name, `${files.length} sandboxes`);
  return fail(
    name,
    `${join(paths.launcher.records, first)} is damaged${damaged.length > 1 ? ` (and ${damaged.length - 1} more)` : ""}`,
    "move it away: the sandbox is made anew around its files at the next message",
  );
}
