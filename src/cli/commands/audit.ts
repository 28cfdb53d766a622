/**
 * `nemoclaw audit`: the gateway's decisions as they lie on the disk, and the check that nobody changed them. Reads the
 * files itself, so it works while nothing runs; never writes there.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import type { AuditPlaces, Verdict } from "../../gateway/index.ts";
import { describeError, Fault } from "../../lib/errors.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { describeRow } from "../audit-line.ts";
import { EXIT, say } from "../io.ts";

interface TailOptions {
  lines: number;
  follow?: boolean;
  sandbox?: string;
  json?: boolean;
  home?: string;
}

/** The subcommand. */
export function auditCommand(): Command {
  const tail = new Command("tail")
    .description("show the last decisions")
    .option("-n, --lines <count>", "how many rows", count, 20)
    .option("-f, --follow", "go on with what comes")
    .option("--sandbox <id>", "only this sandbox's rows")
    .option("--json", "rows as they are stored")
    .option("--home <dir>", "home of the installation")
    .action(tailAudit);
  const verify = new Command("verify")
    .description("check that no row was changed, removed, added or moved")
    .option("--json", "the result as one JSON object")
    .option("--home <dir>", "home of the installation")
    .action(checkAudit);
  return new Command("audit")
    .description("show or verify the record of the gateway's decisions")
    .addCommand(tail.exitOverride())
    .addCommand(verify.exitOverride())
    .addHelpText(
      "after",
      "\nExamples:\n  nemoclaw audit tail --follow\n  nemoclaw audit tail -n 100 --sandbox p_… --json\n  nemoclaw audit verify",
    );
}

function count(text: string): number {
  const rows = Number(text);
  if (!Number.isInteger(rows) || rows < 0) throw new InvalidArgumentError("expected a number of rows");
  return rows;
}

async function tailAudit(options: TailOptions): Promise<void> {
  const { auditFiles, storedLines } = await import("../../gateway/index.ts");
  const { dir } = await placesOf(options.home);
  process.stdout.on("error", () => process.exit(0)); // `| head` has seen enough.
  // Rows are JSON made by us: an id stands in them exactly so.
  const mark = options.sandbox === undefined ? "" : `"sandbox":${JSON.stringify(options.sandbox)}`;
  const show = (line: string) =>
    process.stdout.write(`${options.json ? line : describeRow(line, process.stdout.isTTY === true)}\n`);

  const files = readable(dir, () => auditFiles(dir));
  let at: { name: string | undefined; bytes: number } = { name: files.at(-1)?.name, bytes: 0 };
  let rows: string[] = [];
  for (const { name } of files.toReversed()) {
    const found: string[] = [];
    let bytes = 0;
    readable(dir, () => {
      for (const stored of storedLines(join(dir, name))) {
        if (!stored.ended) break;
        bytes += stored.bytes;
        if (!stored.line.includes(mark)) continue;
        found.push(stored.line);
        if (found.length > 2 * options.lines + 1_000) found.splice(0, found.length - options.lines);
      }
    });
    if (name === at.name) at = { name, bytes };
    rows = [...found, ...rows];
    if (rows.length >= options.lines) break;
  }
  for (const line of options.lines > 0 ? rows.slice(-options.lines) : []) show(line);
  if (rows.length === 0 && !options.follow) say(`no rows yet${mark ? ` of ${options.sandbox}` : ""}`);

  while (options.follow) {
    await sleep(200);
    const names = auditFiles(dir).map((file) => file.name);
    // A known file that was removed meanwhile came before all that are left.
    for (const name of names.slice(Math.max(0, names.indexOf(at.name ?? "")))) {
      if (name !== at.name) at = { name, bytes: 0 };
      for (const stored of storedLines(join(dir, name), at.bytes)) {
        if (!stored.ended) break;
        at.bytes += stored.bytes;
        if (stored.line.includes(mark)) show(stored.line);
      }
    }
  }
}

async function checkAudit(options: { json?: boolean; home?: string }): Promise<void> {
  const { verifyAudit } = await import("../../gateway/index.ts");
  const places = await placesOf(options.home);
  const verdict = readable(places.dir, () => verifyAudit(places));
  if (verdict.kind === "no-key") {
    throw new Fault({
      code: "audit-no-key",
      message: `${places.keyFile} isn't there: the rows can't be verified`,
      hint: "it is made when the gateway starts for the first time; restore it from a backup if it was there before",
    });
  }
  if (options.json) console.log(JSON.stringify(verdict));
  else report(verdict);
  if (verdict.kind === "broken") process.exitCode = EXIT.failed;
}

function report(verdict: Verdict): void {
  const { rows, files, first, last, anchor } = verdict;
  for (const { file, line, what } of verdict.problems) say(`${line ? `${file}:${line}` : file}  ${what}`);
  for (const { file, bytes } of verdict.torn)
    console.log(`${file}  torn tail, ${bytes} bytes (a write that was cut off by a kill or power failure)`);
  const range = rows > 0 ? `, ${first}–${last}` : "";
  if (verdict.kind === "broken") say(`The audit is not as it was written (${rows} rows in ${files} files).`);
  else console.log(`intact: ${rows} rows in ${files} files${range}`);
  if (anchor) console.log(`last anchor: row ${anchor.seq}, ${anchor.time}`);
  console.log(
    verdict.unanchored > 0
      ? `${verdict.unanchored} rows came after the last anchor; had more been cut off behind them, it couldn't be found`
      : "rows cut off after the last anchor couldn't be found",
  );
}

/** Where the audit is. @throws Fault when this home has none */
async function placesOf(home: string | undefined): Promise<AuditPlaces> {
  const { auditPlaces } = await import("../../gateway/index.ts");
  const places = auditPlaces(pathsOf(home ?? homeFrom(process.env)));
  const seen = readable(places.dir, () => existsSync(places.dir));
  if (seen) return places;
  throw new Fault({
    code: "no-audit",
    message: `there is no audit in ${places.dir}`,
    hint: "has `nemoclaw start` run on this home? Its files belong to the user who started it",
  });
}

function readable<T>(dir: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault({
      code: "audit-unreadable",
      message: `the audit in ${dir} can't be read: ${describeError(error)}`,
      hint: "run this as root, or as the user who runs `nemoclaw start`",
      cause: error,
    });
  }
}
