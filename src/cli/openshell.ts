/** The command `openshell`: one file per subcommand in `commands/openshell/`. */
import { Command, CommanderError } from "commander";
import { openshellPolicyCommand } from "./commands/openshell/policy.ts";
import { termCommand } from "./commands/openshell/term.ts";
import { EXIT, report } from "./io.ts";
import { version } from "./version.ts";

const program = new Command("openshell")
  .description("Sandboxes and policies of NemoClaw Bridge, by the names that OpenShell's users know.")
  .version(version, "-V, --version", "print the version")
  .helpCommand("help [command]", "show help for a command")
  .exitOverride()
  .addHelpText(
    "after",
    `
Examples:
  openshell policy apply -f custom-policy.yaml
  openshell policy get --full
  openshell term             what agents want to reach, allowed or denied by a key
  nemoclaw status            sandboxes' protections, processes, Redis

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 not running · 124 not in time`,
  );
for (const command of [openshellPolicyCommand(), termCommand()]) program.addCommand(command.exitOverride());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else process.exitCode = report(error, "openshell");
}
