/** `nemoclaw logs`: the one log of all processes, rotated files included; follows a turn through all of them. */
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { followFile, storedLines } from "../logs/files.ts";
import { LOG_FILE } from "../supervisor/log.ts";

interface LogsOptions {
  turn?: string;
  follow?: boolean;
  tail: number;
  json?: boolean;
  home?: string;
}

/** The subcommand. */
export function logsCommand(): Command {
  return new Command("logs")
    .description("show the log of all processes")
    .option("--turn <id>", "only what belongs to this turn, through all processes")
    .option("-f, --follow", "go on with what comes")
    .option("-n, --tail <lines>", "only the last lines", count, 200)
    .option("--json", "lines as they are stored")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      "\nExamples:\n  nemoclaw logs --follow\n  nemoclaw logs --turn t_… --json\n  nemoclaw logs -n 20",
    )
    .action(showLogs);
}

function count(text: string): number {
  const lines = Number(text);
  if (!Number.isInteger(lines) || lines < 0) throw new InvalidArgumentError("expected a number of lines");
  return lines;
}

async function showLogs(options: LogsOptions): Promise<void> {
  const directory = pathsOf(options.home ?? homeFrom(process.env)).logs;
  const { hasColor, prettyLines } = await import("../pretty.ts");
  const pretty = prettyLines({ color: hasColor(process.stdout), level: "debug" });
  const wanted = (line: string) => options.turn === undefined || line.includes(`"${options.turn}"`);
  const show = (line: string) => {
    const text = options.json ? `${line}\n` : pretty(line);
    if (text !== undefined && wanted(line)) process.stdout.write(text);
  };
  process.stdout.on("error", () => process.exit(0)); // `| head` has seen enough.

  const last: string[] = [];
  for await (const line of storedLines(directory)) {
    if (!wanted(line)) continue;
    last.push(line);
    if (last.length > options.tail) last.shift();
  }
  for (const line of last) show(line);
  if (options.follow) followFile(join(directory, LOG_FILE), show);
}
