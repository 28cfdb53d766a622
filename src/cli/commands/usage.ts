/** `nemoclaw usage`: tokens and money, by person, day and model. */
import { Command, InvalidArgumentError } from "commander";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import type { UsageRow } from "../../store/index.ts";
import { columns } from "../operator/table.ts";
import type { HomeOption } from "../policy/target.ts";

interface UsageOptions extends HomeOption {
  user?: string;
  /** First day, `YYYY-MM-DD`. */
  since?: string;
  json?: boolean;
}

/** The subcommand. */
export function usageCommand(): Command {
  return new Command("usage")
    .description("show what models were asked for: calls, tokens, cost")
    .option("--user <name>", "only this sandbox, by name or id")
    .option("--since <time>", "7d (the default), 30d, or a day as YYYY-MM-DD (UTC)", since)
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Cost is known for models with a price in config.yaml (inference.providers.NAME.prices).

Examples:
  nemoclaw usage
  nemoclaw usage --user my-agent --since 30d
  nemoclaw usage --since 2026-11-01 --json`,
    )
    .action(async (options: UsageOptions) => {
      const { withStore } = await import("../operator/store.ts");
      const { findSandbox, knownSandboxes } = await import("../names/registry.ts");
      const home = options.home ?? homeFrom(process.env);
      const id = options.user === undefined ? undefined : findSandbox(home, options.user).id;
      const all = await withStore(options, (store) => store.operator.usage(id));
      const names = new Map(knownSandboxes(pathsOf(home)).sandboxes.map((one) => [one.id, one.name]));
      const from = options.since ?? since("7d");
      const rows = all.filter(({ day }) => day >= from);
      if (options.json) {
        const named = rows.map((row) => ({ ...row, name: names.get(row.principal) ?? null }));
        console.log(JSON.stringify({ since: from, usage: named }));
      } else console.log(usageText(rows, names));
    });
}

/** A row per day, person and model, and the total. Pure. */
export function usageText(rows: readonly UsageRow[], names: ReadonlyMap<string, string>): string {
  const byModel = rows.filter(({ model }) => model !== undefined);
  if (byModel.length === 0) return "No model was called in this time.";
  const total = { calls: 0, input: 0, output: 0, micros: 0 };
  for (const row of byModel)
    for (const key of ["calls", "input", "output", "micros"] as const) total[key] += row[key];
  const line = ({ calls, input, output, micros }: typeof total) => [
    ...[calls, input, output].map(String),
    micros > 0 ? `$${(micros / 1_000_000).toFixed(4)}` : "-",
  ];
  return columns([
    ["DAY", "SANDBOX", "MODEL", "CALLS", "INPUT", "OUTPUT", "COST"],
    ...byModel.map((row) => [
      ...[row.day, names.get(row.principal) ?? row.principal, row.model ?? ""],
      ...line(row),
    ]),
    ["total", "", "", ...line(total)],
  ]);
}

/** `7d` or a day → the first day, UTC. */
function since(text: string): string {
  const [, days] = /^(\d{1,4})d$/.exec(text) ?? [];
  if (days !== undefined) return new Date(Date.now() - Number(days) * 86_400_000).toISOString().slice(0, 10);
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError("expected a number of days (7d) or a day (YYYY-MM-DD)");
}
