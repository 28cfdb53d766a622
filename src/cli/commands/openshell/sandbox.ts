/** `openshell sandbox …`: NVIDIA's command for sandboxes, same words and same answers, on this project's own. */
import { Command, Option } from "commander";
import { stringify } from "yaml";
import type { HomeOption } from "../../policy/target.ts";
import { phaseTable, sandboxText } from "../../sandbox/phases.ts";
import { policyTextOf, shownSandbox, shownSandboxes } from "../../sandbox/shown.ts";
import type { CreateOptions } from "./sandbox-create.ts";
import { downloadCommand, uploadCommand } from "./sandbox-files.ts";
import { connectCommand, deleteCommand, execCommand, startCommand, stopCommand } from "./sandbox-run.ts";

interface ListOptions extends HomeOption {
  ids?: boolean;
  names?: boolean;
  output?: "json" | "yaml";
}
interface GetOptions extends HomeOption {
  policyOnly?: boolean;
  output?: "json" | "yaml";
}

const output = () => new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]);
const home = ["--home <dir>", "home of the installation"] as const;

/** The group. */
export function sandboxCommand(): Command {
  const group = new Command("sandbox")
    .description("sandboxes: list, look into, run programs in, start, stop, delete")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Phases: Ready (takes a message now or in a second), Starting, Stopped (only its files), Pending (never started),
Error (runs without its agent).

Examples:
  openshell sandbox list
  openshell sandbox inspect my-agent
  openshell sandbox get my-agent --policy-only > policy.yaml
  openshell sandbox create --name research --provider defapi --model claude-sonnet-4.5
  openshell sandbox exec my-agent -- ls -la workspace
  openshell sandbox connect my-agent
  openshell sandbox upload my-agent report.csv workspace/
  openshell sandbox stop my-agent

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 not running · of exec: the program's own, 124 not in time`,
    );
  for (const command of [
    create(),
    list(),
    get("get"),
    get("inspect"),
    connectCommand(),
    execCommand(),
    uploadCommand(),
    downloadCommand(),
    stopCommand(),
    startCommand(),
    deleteCommand(),
  ])
    group.addCommand(command.exitOverride());
  return group;
}

function create(): Command {
  return new Command("create")
    .description("make another sandbox; without a name: agent-1, agent-2, …")
    .option("--name <name>", "lower-case letters, digits and hyphens")
    .option("--provider <name>", "who answers it (default: as the default says)")
    .option("--model <model>", "which model (default: the provider's usual one)")
    .option("--policy <file>", "its own policy, besides everybody's")
    .option("--no-start", "don't start it now")
    .option(...home)
    .action(async (options: CreateOptions) => (await import("./sandbox-create.ts")).create(options));
}

function list(): Command {
  return new Command("list")
    .description("all sandboxes; works with everything down")
    .option("--ids", "only their ids")
    .option("--names", "only their names")
    .addOption(output())
    .option(...home)
    .action(async (options: ListOptions) => {
      const all = await shownSandboxes(options);
      if (options.output) return print({ sandboxes: all }, options.output);
      if (options.ids || options.names)
        return console.log(all.map(({ id, name }) => (options.ids ? id : name)).join("\n"));
      console.log(phaseTable(all));
    });
}

function get(word: "get" | "inspect"): Command {
  return new Command(word)
    .description(
      word === "get"
        ? "facts of one sandbox, and its policy"
        : "the same as get: facts of one sandbox, and its policy",
    )
    .argument("<sandbox>")
    .option("--policy-only", "only the policy, as a file that policy set takes")
    .addOption(output())
    .option(...home)
    .action(async (name: string, options: GetOptions) => {
      const one = await shownSandbox(name, options);
      const policy = await policyTextOf(one.id, options);
      if (options.output)
        return print({ ...one, ...(policy === undefined ? {} : { policy }) }, options.output);
      if (!options.policyOnly) return console.log(sandboxText(one, policy));
      if (policy !== undefined) return console.log(policy.trimEnd());
      const { Fault } = await import("../../../lib/errors.ts");
      throw new Fault({
        code: "service-not-running",
        message: "no gateway runs that knows its policy",
        hint: "start it with: nemoclaw start",
      });
    });
}

function print(value: unknown, format: "json" | "yaml"): void {
  console.log(format === "json" ? JSON.stringify(value) : stringify(value).trimEnd());
}
