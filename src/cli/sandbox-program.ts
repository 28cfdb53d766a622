/**
 * `nemoclaw SANDBOX …` as data: the commands of one sandbox, each made by a function of the name that was typed. The name
 * is looked up when a command runs, not before: `--help` needs no home.
 */
import { Command } from "commander";
import { policyCommand } from "./commands/policy.ts";
import { policyAddCommand, policyListCommand, policyRemoveCommand } from "./commands/policy-presets.ts";
import { agentCommand, connectCommand, execCommand } from "./commands/sandbox/connect.ts";
import { sandboxDoctorCommand } from "./commands/sandbox/doctor.ts";
import { downloadCommand, uploadCommand } from "./commands/sandbox/files.ts";
import {
  destroyCommand,
  sandboxRestartCommand,
  sandboxStartCommand,
  sandboxStopCommand,
} from "./commands/sandbox/lifecycle.ts";
import { sandboxLogsCommand } from "./commands/sandbox/logs.ts";
import { snapshotCommand } from "./commands/sandbox/snapshot.ts";
import { sandboxStatusCommand } from "./commands/sandbox/status.ts";

/** What a name alone means, as in NVIDIA's tool. */
export const DEFAULT_VERB = "connect";

/** The program of one sandbox. */
export function sandboxProgram(name: string): Command {
  const program = new Command(`nemoclaw ${name}`)
    .description(`Commands of one sandbox. Without a command: ${DEFAULT_VERB}.`)
    .helpCommand("help [command]", "show help for a command")
    .exitOverride()
    .enablePositionalOptions() // words after a program's name are that program's
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw ${name} connect
  nemoclaw ${name} exec -- ls workspace
  nemoclaw ${name} status
  nemoclaw ${name} logs --follow
  nemoclaw ${name} policy-list
  nemoclaw ${name} policy-add npm
  nemoclaw ${name} policy explain api.github.com:443`,
    );
  for (const command of [
    connectCommand(name),
    execCommand(name),
    agentCommand(name),
    sandboxStatusCommand(name),
    sandboxLogsCommand(name),
    sandboxDoctorCommand(name),
    sandboxStartCommand(name),
    sandboxStopCommand(name),
    sandboxRestartCommand(name),
    destroyCommand(name),
    uploadCommand(name),
    downloadCommand(name),
    snapshotCommand(name),
    policyCommand(name),
    policyListCommand(name),
    policyAddCommand(name),
    policyRemoveCommand(name),
  ])
    program.addCommand(command.exitOverride());
  return program;
}
