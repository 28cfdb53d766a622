/** `nemoclaw status`: what runs and how it is, or the table of time limits. */
import { Command } from "commander";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { StatusWithWork } from "../operator/status.ts";
import { columns, counted } from "../operator/table.ts";
import type { ServiceStatus } from "../supervisor/control.ts";

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
      const { statusWithWork } = await import("../operator/status.ts");
      const status = await statusWithWork(options);
      console.log(options.json ? JSON.stringify(status) : `${describeStatus(status)}\n${workText(status)}`);
    });
}

function timeoutTable(): string {
  const rows = Object.entries(TIMEOUTS).map(([name, ms]) => [
    name,
    ms < 1_000 ? `${ms} ms` : ms < 120_000 ? `${ms / 1_000} s` : `${ms / 60_000} min`,
  ]);
  return columns(rows, "  ");
}

/** Sandboxes, queue and open questions. Pure. */
export function workText({ sandboxes, queue, approvals }: StatusWithWork): string {
  const unknown = (what: string | undefined) => `unknown: ${what ?? "no answer"}`;
  const states = Object.entries(Object.groupBy(sandboxes, ({ state }) => state));
  const rows = [
    [
      "Sandboxes",
      `${sandboxes.length} (${states.map(([state, some]) => `${some?.length} ${state}`).join(", ")}); nemoclaw list`,
    ],
    [
      "Queue",
      "trouble" in queue
        ? unknown(queue.trouble)
        : `${counted(queue.waiting, "message")} waiting, ${counted(queue.running, "turn")} running${queue.paused ? "; NEW TURNS ARE PAUSED" : ""}`,
    ],
    [
      "Approvals",
      "trouble" in approvals
        ? unknown(approvals.trouble)
        : `${approvals.open} open${approvals.open > 0 ? "; nemoclaw approvals list" : ""}`,
    ],
  ];
  return `\n${columns(rows)}`;
}

/** The status as text. */
export function describeStatus(status: ServiceStatus): string {
  const { redis } = status;
  const services = status.services.map(({ name, state, pid, restarts, trouble, facts }) => [
    `${state === "ready" ? "●" : "○"} ${name}`,
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
    columns(services, "  "),
    "",
    ...(layers.length ? ["Protections of the sandboxes:", columns(layers, "  ")] : []),
    ...(status.warnings.length ? ["", ...status.warnings.map((warning) => `! ${warning}`)] : []),
  ].join("\n");
}
