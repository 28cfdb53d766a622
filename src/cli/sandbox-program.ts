/**
 * `nemoclaw SANDBOX …` as data: the commands of one sandbox, each made by a function of the name that was typed. The name
 * is looked up when a command runs, not before: `--help` needs no home.
 */
import { Command } from "commander";
import { policyCommand } from "./commands/policy.ts";
import { policyAddCommand, policyListCommand, policyRemoveCommand } from "./commands/policy-presets.ts";

/** What a name alone means, as in NVIDIA's tool. */
export const DEFAULT_VERB = "connect";

/** The program of one sandbox. */
export function sandboxProgram(name: string): Command {
  const program = new Command(`nemoclaw ${name}`)
    .description(`Commands of one sandbox. Without a command: ${DEFAULT_VERB}.`)
    .helpCommand("help [command]", "show help for a command")
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw ${name} policy-list
  nemoclaw ${name} policy-add npm
  nemoclaw ${name} policy explain api.github.com:443`,
    );
  for (const command of [
    policyCommand(name),
    policyListCommand(name),
    policyAddCommand(name),
    policyRemoveCommand(name),
  ])
    program.addCommand(command.exitOverride());
  return program;
}
