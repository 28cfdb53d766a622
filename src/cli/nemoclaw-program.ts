/**
 * The command `nemoclaw` as data: every subcommand with its help, nothing run. `nemoclaw.ts` runs it, docs/cli.md and the
 * shells' completions are made from it.
 */
import { Command } from "commander";
import { approvalsCommand, rulesCommand } from "./commands/approvals.ts";
import { auditCommand } from "./commands/audit.ts";
import { backupCommand, restoreCommand, uninstallCommand } from "./commands/backup.ts";
import { completionCommand } from "./commands/completion.ts";
import { credentialsCommand } from "./commands/credentials.ts";
import { debugCommand } from "./commands/debug.ts";
import { deployCommand } from "./commands/deploy.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { groupsCommand } from "./commands/groups.ts";
import { imageCommand } from "./commands/image.ts";
import { inferenceCommand } from "./commands/inference.ts";
import { listCommand, useCommand } from "./commands/list.ts";
import { logsCommand } from "./commands/logs.ts";
import { onboardCommand } from "./commands/onboard.ts";
import { pairingCommand } from "./commands/pairing.ts";
import { policyCommand } from "./commands/policy.ts";
import { policyAddCommand, policyListCommand, policyRemoveCommand } from "./commands/policy-presets.ts";
import { queueCommand } from "./commands/queue.ts";
import { reloadCommand } from "./commands/reload.ts";
import { serviceCommand } from "./commands/service.ts";
import { startCommand } from "./commands/start.ts";
import { statusCommand } from "./commands/status.ts";
import { stopCommand } from "./commands/stop.ts";
import { updateCommand } from "./commands/update.ts";
import { usageCommand } from "./commands/usage.ts";
import { usersCommand } from "./commands/users.ts";
import { askGateway } from "./policy/target.ts";
import { version } from "./version.ts";

/** All commands that don't begin with a sandbox's name. */
export function nemoclawProgram(): Command {
  const program = new Command("nemoclaw")
    .description("One chat bot, many people, each with their own caged OpenClaw agent.")
    .usage("[options] COMMAND …\n       nemoclaw SANDBOX COMMAND …   (nemoclaw SANDBOX --help lists them)")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "show help for a command")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw onboard                             set everything up, step by step
  nemoclaw start                               start the service; in a terminal, chat right here
  nemoclaw start --once "What is 2+2?"         ask one question, print the answer, stop
  TELEGRAM_BOT_TOKEN=… nemoclaw start          with the Telegram bridge
  DISCORD_BOT_TOKEN=… nemoclaw start           with the Discord bridge
  nemoclaw status                              what runs and how it is
  nemoclaw logs --follow                       the one log of all processes
  nemoclaw my-agent policy-add npm             a preset for one sandbox
  nemoclaw policy explain api.github.com:443   may a sandbox reach it, and why
  nemoclaw pairing approve 7k2m-x9pa           let somebody in who was given that code
  nemoclaw audit tail                          where the agents went, and what was refused

Exit codes: 0 done · 1 failed · 2 wrong usage or configuration · 3 not running · 75 another instance has this home
The home is NEMOCLAW_HOME, else /var/lib/nemoclaw as root and ~/.nemoclaw as a user.`,
    );
  for (const command of [
    onboardCommand(() => commandNames(program)),
    startCommand(),
    serviceCommand(),
    statusCommand(),
    listCommand(),
    useCommand(),
    logsCommand(),
    auditCommand(),
    stopCommand(),
    reloadCommand(),
    doctorCommand(),
    backupCommand(),
    restoreCommand(),
    uninstallCommand(),
    deployCommand(),
    debugCommand(),
    updateCommand(),
    completionCommand(() => program),
    policyCommand(),
    policyListCommand(),
    policyAddCommand(),
    policyRemoveCommand(),
    approvalsCommand(),
    rulesCommand(),
    credentialsCommand(askGateway),
    inferenceCommand(),
    imageCommand(),
    queueCommand(),
    usageCommand(),
    usersCommand(),
    pairingCommand(),
    groupsCommand(),
  ])
    program.addCommand(command.exitOverride());
  return program;
}

/** Every word that a program knows as a command. */
export function commandNames(program: Command): string[] {
  return program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
}
