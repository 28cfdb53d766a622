/** The command `openshell`: for now it says which version it is and where its work is done. */
import { Command, CommanderError } from "commander";
import { EXIT } from "./io.ts";
import { version } from "./version.ts";

const program = new Command("openshell")
  .description("Sandboxes and policies of NemoClaw Bridge, by the names that OpenShell's users know.")
  .version(version, "-V, --version", "print the version")
  .exitOverride()
  .addHelpText(
    "after",
    `
This release has no openshell subcommands yet: sandboxes are made and ended by the service itself.
Examples:
  openshell --version
  nemoclaw status            sandboxes' protections, processes, Redis`,
  )
  .action(() => program.help());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
