/** The command `openshell`: one file per subcommand in `commands/openshell/`. */
import { Command, CommanderError } from "commander";
import { openshellPolicyCommand } from "./commands/openshell/policy.ts";
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
  nemoclaw status            sandboxes' protections, processes, Redis

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 not running · 124 not in time`,
  );
program.addCommand(openshellPolicyCommand().exitOverride());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else process.exitCode = report(error, "openshell");
}
