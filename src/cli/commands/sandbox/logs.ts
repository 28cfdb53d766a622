/**
 * `nemoclaw NAME logs`: what the services say about one sandbox, and what its guest says itself. Read from the disk: works
 * with every service down.
 */
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { followFile, linesOf, storedLines } from "../../logs/files.ts";
import { spanOf } from "../../logs/line.ts";
import type { HomeOption } from "../../policy/target.ts";
import { reach } from "../../sandbox/reach.ts";
import { LOG_FILE } from "../../supervisor/log.ts";

interface LogsOptions extends HomeOption {
  follow?: boolean;
  tail: number;
  since?: number;
  json?: boolean;
}

/** `logs`. */
export function sandboxLogsCommand(name: string): Command {
  return new Command("logs")
    .description("show the log of this sandbox")
    .option("-f, --follow", "go on with what comes")
    .option("-n, --tail <lines>", "only the last lines", lineCount, 200)
    .option("--since <time>", "only what is younger: 30s, 5m, 2h, 1d", span)
    .option("--json", "lines as they are stored")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `\nExamples:\n  nemoclaw ${name} logs --follow\n  nemoclaw ${name} logs --tail 50 --since 5m`,
    )
    .action(async (options: LogsOptions) => showLogs(name, options));
}

async function showLogs(name: string, options: LogsOptions): Promise<void> {
  const { id, paths } = reach(name, options);
  const { hasColor, prettyLines } = await import("../../pretty.ts");
  const pretty = prettyLines({ color: hasColor(process.stdout), level: "debug" });
  const show = (line: string) => {
    const text = options.json ? `${line}\n` : pretty(line);
    if (text !== undefined) process.stdout.write(text);
  };
  process.stdout.on("error", () => process.exit(0)); // `| head` has seen enough.

  const from = options.since === undefined ? "" : new Date(Date.now() - options.since).toISOString();
  // Lines are JSON made by us: an id stands in them exactly so, as sandboxId or principal.
  const about = (line: string) => line.includes(`"${id}"`);
  const guestLog = join(paths.logs, `sandbox-${id}.log`);
  const lines: { time: string; line: string }[] = [];
  const take = (line: string) => {
    const time = timeOf(line);
    if (time !== undefined && time >= from) lines.push({ time, line });
  };
  for await (const line of storedLines(paths.logs)) if (about(line)) take(line);
  for await (const line of linesOf(guestLog)) take(line);
  lines.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  for (const { line } of options.tail === 0 ? [] : lines.slice(-options.tail)) show(line);
  if (!options.follow) return;
  followFile(join(paths.logs, LOG_FILE), (line) => about(line) && show(line));
  followFile(guestLog, show);
}

/** When a line was written, as ISO text; undefined for what is no log line (the guest's output is a claim too). */
function timeOf(line: string): string | undefined {
  try {
    const { time } = JSON.parse(line) as { time?: unknown };
    return typeof time === "string" ? time : undefined;
  } catch {
    return undefined;
  }
}

function lineCount(text: string): number {
  const lines = Number(text);
  if (!Number.isInteger(lines) || lines < 0) throw new InvalidArgumentError("expected a number of lines");
  return lines;
}

function span(text: string): number {
  const ms = spanOf(text);
  if (ms === undefined) throw new InvalidArgumentError("expected 30s, 5m, 2h or 1d");
  return ms;
}
