/** `nemoclaw logs`: the one log of all processes, rotated files included; follows a turn through all of them. */
import { createReadStream, readdirSync, statSync, watchFile } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Command, InvalidArgumentError } from "commander";
import { Fault } from "../../lib/errors.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
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
  const { prettyLines } = await import("../pretty.ts");
  const pretty = prettyLines({ color: process.stdout.isTTY === true, level: "debug" });
  const wanted = (line: string) => options.turn === undefined || line.includes(`"${options.turn}"`);
  const show = (line: string) => {
    const text = options.json ? `${line}\n` : pretty(line);
    if (text !== undefined && wanted(line)) process.stdout.write(text);
  };
  process.stdout.on("error", () => process.exit(0)); // `| head` has seen enough.

  const last: string[] = [];
  for (const file of filesOldestFirst(directory)) {
    for await (const line of createInterface({ input: createReadStream(join(directory, file)) })) {
      if (!wanted(line)) continue;
      last.push(line);
      if (last.length > options.tail) last.shift();
    }
  }
  for (const line of last) show(line);
  if (options.follow) follow(join(directory, LOG_FILE), show);
}

/** `nemoclaw.5.jsonl` … `nemoclaw.1.jsonl`, `nemoclaw.jsonl`. @throws Fault when there is no log yet. */
export function filesOldestFirst(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => /^nemoclaw(\.\d+)?\.jsonl$/.test(name));
  } catch (error) {
    throw new Fault({
      code: "no-logs",
      message: `there are no logs to read in ${directory}`,
      hint: "has `nemoclaw start` run on this home? Logs belong to the user who started it",
      cause: error,
    });
  }
  const age = (name: string) => Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
  return names.sort((a, b) => age(b) - age(a));
}

/** Prints what is appended; a file that became shorter was rotated and is read from its start. */
export function follow(file: string, show: (line: string) => void): void {
  let position = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  let rest = "";
  let reading = Promise.resolve();
  watchFile(file, { interval: 200 }, (now) => {
    reading = reading.then(async () => {
      if (now.size < position) position = 0;
      if (now.size === position) return;
      for await (const chunk of createReadStream(file, { start: position, encoding: "utf8" })) {
        position += Buffer.byteLength(chunk as string);
        const lines = (rest + (chunk as string)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) show(line);
      }
    });
  });
}
