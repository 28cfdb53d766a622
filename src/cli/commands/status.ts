/** `nemoclaw status`: what runs and how it is, or the table of time limits. */
import { Command } from "commander";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import { askControl, type ServiceStatus } from "../supervisor/control.ts";

/** The subcommand. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show processes, protections and warnings of the running service")
    .option("--json", "as one JSON object")
    .option("--timeouts", "print every limit in time instead")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      "\nExamples:\n  nemoclaw status\n  nemoclaw status --json\n  nemoclaw status --timeouts",
    )
    .action(async (options: { json?: boolean; timeouts?: boolean; home?: string }) => {
      if (options.timeouts) {
        console.log(options.json ? JSON.stringify(TIMEOUTS) : timeoutTable());
        return;
      }
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      const status = await askControl<ServiceStatus>(paths.status, { op: "status" });
      console.log(options.json ? JSON.stringify(status) : describeStatus(status));
    });
}

function timeoutTable(): string {
  const rows = Object.entries(TIMEOUTS).map(([name, ms]) => [
    name,
    ms < 1_000 ? `${ms} ms` : ms < 120_000 ? `${ms / 1_000} s` : `${ms / 60_000} min`,
  ]);
  return table(rows);
}

/** The status as text. */
export function describeStatus(status: ServiceStatus): string {
  const { redis } = status;
  const services = status.services.map(({ name, state, pid, restarts, trouble, facts }) => [
    name,
    state,
    pid ? `pid ${pid}` : "",
    restarts ? `${restarts} restarts` : "",
    [...Object.values(facts), state === "ready" ? "" : trouble].filter(Boolean).join("  "),
  ]);
  const layers = status.layers.map(({ name, active, detail, required }) => [
    name,
    active ? "active" : required ? "MISSING" : "not active",
    detail,
  ]);
  return [
    `nemoclaw ${status.version} is ${status.state} (pid ${status.pid}, since ${status.startedAt})`,
    `home   ${status.home}`,
    `redis  ${redis.where}${redis.pid ? `, pid ${redis.pid}` : ""}${redis.adopted ? ", taken over" : ""}`,
    "",
    table(services),
    "",
    ...(layers.length ? ["Protections of the sandboxes:", table(layers)] : []),
    ...(status.warnings.length ? ["", ...status.warnings.map((warning) => `! ${warning}`)] : []),
  ].join("\n");
}

/** Columns padded to their widest cell. */
function table(rows: string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}
