/** `nemoclaw list` and `nemoclaw use`: which sandboxes there are, and which one commands mean when they name none. */
import { Command } from "commander";
import { homeFrom } from "../../lib/paths.ts";
import { say } from "../io.ts";
import type { SandboxList } from "../operator/sandboxes.ts";
import { ago } from "../operator/table.ts";
import type { HomeOption } from "../policy/target.ts";

/** Version of the JSON's form; raised when a field changes its meaning. */
const SCHEMA_VERSION = 1;

/** `nemoclaw list`. */
export function listCommand(): Command {
  return new Command("list")
    .description("show all sandboxes: owner, state, model, policies, last use")
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
States: cold (only its files are left), waking, warm, parked (paged out; back in about a second).
Works with the service down; policies and last use are then unknown.

Examples:
  nemoclaw list
  nemoclaw list --json`,
    )
    .action(async (options: HomeOption & { json?: boolean }) => {
      const { listSandboxes } = await import("../operator/sandboxes.ts");
      const list = await listSandboxes(options);
      if (options.json) {
        const byDefault = list.sandboxes.find(({ isDefault }) => isDefault)?.name ?? null;
        console.log(JSON.stringify({ schemaVersion: SCHEMA_VERSION, default: byDefault, ...list }));
        return;
      }
      console.log(listText(list, Date.now()));
      if (!list.running)
        say("nemoclaw is not running: this is what the disk knows (nemoclaw start --detach)");
    });
}

/** NVIDIA's shape (reference §1.1) with a line of ours. Pure. */
export function listText({ sandboxes }: SandboxList, now: number): string {
  const blocks = sandboxes.map(({ name, owner, state, provider, model, policies, lastUse, isDefault }) => [
    `    ${name}${isDefault ? " *" : ""}`,
    `      model: ${model ?? "the default"}  provider: ${provider ?? "the default"}`,
    `      owner: ${owner}  state: ${state}  last use: ${lastUse ? ago(Date.parse(lastUse), now) : "-"}`,
    ...(policies === undefined ? [] : [`        policies: ${policies.join(", ") || "none"}`]),
  ]);
  return ["", "  Sandboxes:", ...blocks.flat(), "", "  * = default sandbox", ""].join("\n");
}

/** `nemoclaw use NAME`. */
export function useCommand(): Command {
  return new Command("use")
    .description("choose the default sandbox: its provider and model are the profile of newcomers")
    .argument("<name>", "an onboarded sandbox (nemoclaw list)")
    .option("--home <dir>", "home of the installation")
    .addHelpText("after", "\nExamples:\n  nemoclaw use research")
    .action(async (name: string, options: HomeOption) => {
      const { useSandbox } = await import("../operator/use.ts");
      await useSandbox(options.home ?? homeFrom(process.env), name);
      say(`✓ ${name} is the default sandbox`);
    });
}
