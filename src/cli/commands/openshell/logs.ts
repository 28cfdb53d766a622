/** `openshell logs`: the one log of all processes, in OpenShell's shape; of one sandbox, or of everything. */
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { homeFrom, pathsOf } from "../../../lib/paths.ts";
import { followFile, storedLines } from "../../logs/files.ts";
import { LEVELS, type Level, type LogLine, openshellLine, parseLine, spanOf } from "../../logs/line.ts";
import { type HomeOption, resolveTarget } from "../../policy/target.ts";
import { LOG_FILE } from "../../supervisor/log.ts";

interface LogsOptions extends HomeOption {
  lines: number;
  tail?: boolean;
  follow?: boolean;
  since?: number;
  source?: string;
  level: Level;
}

/** The command. */
export function openshellLogsCommand(): Command {
  return new Command("logs")
    .description("the log of a sandbox, or of everything")
    .argument("[sandbox]", "only what names this sandbox")
    .option("-n, --lines <count>", "only the last lines", count, 200)
    .option("--tail", "go on with what comes")
    .option("-f, --follow", "the same")
    .option("--since <time>", "not older than 30s, 5m, 2h, 1d", since)
    .option("--source <process>", "gateway, worker, launcher, console, telegram-bridge …")
    .addOption(new Option("--level <level>", "this and worse").choices([...LEVELS]).default("debug"))
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Examples:
  openshell logs my-agent --tail
  openshell logs -n 50 --level warn
  openshell logs --since 5m --source gateway
  nemoclaw logs --turn t_…         one turn through all processes`,
    )
    .action(showLogs);
}

async function showLogs(name: string | undefined, options: LogsOptions): Promise<void> {
  const directory = pathsOf(options.home ?? homeFrom(process.env)).logs;
  const id = name === undefined ? undefined : resolveTarget(name, options);
  const lowest = LEVELS.indexOf(options.level);
  const oldest = options.since === undefined ? Number.NEGATIVE_INFINITY : Date.now() - options.since;
  const wanted = (line: string): LogLine | undefined => {
    if (id !== undefined && !line.includes(id)) return undefined;
    const parsed = parseLine(line);
    if (!parsed || LEVELS.indexOf(parsed.level as Level) < lowest || parsed.at < oldest) return undefined;
    return options.source === undefined || parsed.source === options.source ? parsed : undefined;
  };
  process.stdout.on("error", () => process.exit(0)); // `| head` has seen enough.
  const last: LogLine[] = [];
  for await (const line of storedLines(directory)) {
    const parsed = wanted(line);
    if (!parsed) continue;
    last.push(parsed);
    if (last.length > options.lines) last.shift();
  }
  for (const line of last) console.log(openshellLine(line));
  if (options.tail || options.follow)
    followFile(join(directory, LOG_FILE), (line) => {
      const parsed = wanted(line);
      if (parsed) console.log(openshellLine(parsed));
    });
}

function count(text: string): number {
  const lines = Number(text);
  if (!Number.isInteger(lines) || lines < 0) throw new InvalidArgumentError("expected a number of lines");
  return lines;
}

function since(text: string): number {
  const ms = spanOf(text);
  if (ms === undefined) throw new InvalidArgumentError("expected 30s, 5m, 2h or 1d");
  return ms;
}
