/** What `openshell` says of itself, without its subcommands. */
import { Command } from "commander";
import { version } from "./version.ts";

/** The bare program. */
export function openshellBase(): Command {
  return new Command("openshell")
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
}
