/** `nemoclaw stop`: ends a running service in order. */
import { Command } from "commander";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { say } from "../io.ts";
import { askControl } from "../supervisor/control.ts";

/** The subcommand. */
export function stopCommand(): Command {
  return new Command("stop")
    .description("stop the service in order: turns finish or are handed over, answers go out")
    .option("--all", "end the agents too; without it they stay and the next start takes them over")
    .option("--home <dir>", "home of the installation")
    .addHelpText("after", "\nExamples:\n  nemoclaw stop\n  nemoclaw stop --all")
    .action(async (options: { all?: boolean; home?: string }) => {
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      await askControl(paths.status, { op: "stop", sandboxes: options.all === true });
      say(
        options.all ? "stopped, agents included" : "stopped; agents stay (nemoclaw stop --all ends them too)",
      );
    });
}
