/** `nemoclaw reload`: takes changed settings over without ending what runs. */
import { Command } from "commander";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { EXIT, say } from "../io.ts";
import { askControl, type ReloadReport } from "../supervisor/control.ts";

/** The subcommand. */
export function reloadCommand(): Command {
  return new Command("reload")
    .description("take changed settings over: all are checked first, then swapped; agents stay")
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Which setting takes effect how: docs/configuration.md. A wrong one changes nothing.

Examples:
  nemoclaw reload
  nemoclaw reload --json`,
    )
    .action(async (options: { json?: boolean; home?: string }) => {
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      const report = await askControl<ReloadReport>(paths.status, { op: "reload" });
      if (options.json) console.log(JSON.stringify(report));
      else tell(report);
      if (report.troubles.length > 0) process.exitCode = EXIT.failed;
    });
}

/** What a reload did, as lines for people. */
function tell({ changed, restarted, waits, troubles }: ReloadReport): void {
  const live = changed.filter((path) => !waits.includes(path));
  if (changed.length === 0 && restarted.length === 0) say("· nothing has changed");
  if (live.length > 0) say(`✓ in force: ${live.join(", ")}`);
  if (restarted.length > 0) say(`✓ restarted: ${restarted.join(", ")}`);
  if (waits.length > 0) say(`! at the next start: ${waits.join(", ")} (nemoclaw stop, nemoclaw start)`);
  for (const trouble of troubles) say(`✗ ${trouble}`);
}
