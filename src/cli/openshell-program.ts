/**
 * The command `openshell` as data: every subcommand with its help, nothing run. `openshell.ts` runs it, documentation and
 * the shells' completions are made from it.
 */
import { Command } from "commander";
import { openshellDoctorCommand } from "./commands/openshell/doctor.ts";
import { inferenceCommand } from "./commands/openshell/inference.ts";
import { openshellLogsCommand } from "./commands/openshell/logs.ts";
import { openshellPolicyCommand } from "./commands/openshell/policy.ts";
import { providerCommand } from "./commands/openshell/provider.ts";
import { ruleCommand } from "./commands/openshell/rule.ts";
import { sandboxCommand } from "./commands/openshell/sandbox.ts";
import { openshellStatusCommand } from "./commands/openshell/status.ts";
import { termCommand } from "./commands/openshell/term.ts";
import { version } from "./version.ts";

/** All commands. */
export function openshellProgram(): Command {
  const program = new Command("openshell")
    .description("Sandboxes and policies of NemoClaw Bridge, by the names that OpenShell's users know.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "show help for a command")
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  openshell term                                           what agents do, live; questions answered by a key
  openshell sandbox list
  openshell sandbox inspect my-agent
  openshell policy apply -f custom-policy.yaml
  openshell policy get --full
  openshell rule get                                       what waits for an answer
  openshell provider update --provider defapi --api-key-stdin
  openshell inference set --provider defapi --model claude-sonnet-4.5
  openshell logs my-agent --tail

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 not running · 124 not in time`,
    );
  for (const command of [
    sandboxCommand(),
    openshellPolicyCommand(),
    ruleCommand(),
    providerCommand(),
    inferenceCommand(),
    openshellLogsCommand(),
    termCommand(),
    openshellStatusCommand(),
    openshellDoctorCommand(),
  ])
    program.addCommand(command.exitOverride());
  return program;
}
