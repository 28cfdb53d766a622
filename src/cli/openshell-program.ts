/**
 * The command `openshell` as data: every subcommand with its help, nothing run. Documentation and the shells' completions
 * are made from it; `openshell.ts` runs it, or only the group that was typed.
 */
import type { Command } from "commander";
import { openshellDoctorCommand } from "./commands/openshell/doctor.ts";
import { inferenceCommand } from "./commands/openshell/inference.ts";
import { openshellLogsCommand } from "./commands/openshell/logs.ts";
import { openshellPolicyCommand } from "./commands/openshell/policy.ts";
import { providerCommand } from "./commands/openshell/provider.ts";
import { ruleCommand } from "./commands/openshell/rule.ts";
import { sandboxCommand } from "./commands/openshell/sandbox.ts";
import { openshellStatusCommand } from "./commands/openshell/status.ts";
import { termCommand } from "./commands/openshell/term.ts";
import { openshellBase } from "./openshell-base.ts";

/** All commands. */
export function openshellProgram(): Command {
  const program = openshellBase();
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
