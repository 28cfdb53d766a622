/** `nemoclaw NAME status`: one sandbox in the shape of NVIDIA's tool, with what ours has more; works with services down. */
import { Command } from "commander";
import type { SandboxStats } from "../../../sandbox/index.ts";
import type { SandboxRow } from "../../../worker/index.ts";
import { say } from "../../io.ts";
import { askGateway, type HomeOption } from "../../policy/target.ts";
import { askWorker, notRunning, type Reached, reach } from "../../sandbox/reach.ts";

/** What is known of a sandbox. */
export interface SandboxStatus {
  schemaVersion: 1;
  name: string;
  id: string;
  /** It has been made: it has files. */
  found: boolean;
  /** `cold`, `waking`, `warm`, `parking`, `parked`; `unknown` while no worker is there to ask. */
  phase: string;
  /** Stopped by the operator. */
  stopped: boolean;
  agent: string;
  model: string | null;
  provider: string | null;
  policies: string[] | null;
  turns: number;
  /** ISO time; null = not since the worker began. */
  lastUsed: string | null;
  lastStop: string;
  stats: SandboxStats | null;
  limits: SandboxRow["limits"] | null;
  /** Whether the services answer. */
  running: boolean;
}

/** `status`. */
export function sandboxStatusCommand(name: string): Command {
  return new Command("status")
    .description("show this sandbox: agent, model, policies, use of memory and disk")
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText("after", `\nExamples:\n  nemoclaw ${name} status\n  nemoclaw ${name} status --json`)
    .action(async (options: HomeOption & { json?: boolean }) => {
      const status = await sandboxStatus(reach(name, options), options);
      console.log(options.json ? JSON.stringify(status) : statusText(status));
      if (!status.running)
        say("nemoclaw is not running on this home (nemoclaw start): this is what the disk knows");
    });
}

/** Asks who is there to ask. @throws Faults of a worker that runs and fails. */
export async function sandboxStatus(sandbox: Reached, options: HomeOption): Promise<SandboxStatus> {
  const { id, name } = sandbox;
  const asked = await Promise.all([
    askWorker<SandboxRow | null>(sandbox, "sandbox.show").catch(unlessDown),
    askGateway<{ name: string; applied: boolean; inherited: boolean }[]>(options, "policy.presets", {
      target: id,
    }).catch(() => undefined),
  ]);
  const [row, presets] = asked;
  const stats = row ? await askWorker<SandboxStats>(sandbox, "sandbox.stats").catch(() => null) : null;
  const model = row?.model ?? sandbox.model;
  const [provider, ...rest] = model?.split("/") ?? [];
  return {
    ...{ schemaVersion: 1, name, id, found: row ? true : sandbox.state !== undefined },
    ...{ phase: row ? row.state : row === null ? "cold" : "unknown", stopped: row?.off ?? false },
    agent: row?.agent ?? "cold",
    ...{ model: rest.length > 0 ? rest.join("/") : (model ?? null), provider: provider ?? null },
    policies: presets?.filter((one) => one.applied || one.inherited).map((one) => one.name) ?? null,
    ...{ turns: row?.turns ?? 0, lastUsed: row?.usedAt ? new Date(row.usedAt).toISOString() : null },
    ...{ lastStop: row?.lastStop ?? "", stats, limits: row?.limits ?? null, running: row !== undefined },
  };
}

function unlessDown(error: unknown): undefined {
  if (notRunning(error)) return undefined;
  throw error;
}

/** For people. */
export function statusText(status: SandboxStatus): string {
  const { name, model, provider, policies, stats, limits } = status;
  const row = (label: string, value: string) => `    ${`${label}:`.padEnd(10)}${value}`;
  const rows = [
    row("Model", model ?? "not known yet"),
    row("Provider", provider ?? "not known yet"),
    row("GPU", "no"),
    row("Policies", policies === null ? "not known" : policies.join(", ") || "none"),
    row("State", stateText(status)),
  ];
  if (stats && limits) {
    const { memoryBytes, swapBytes, pids, diskBytes } = stats;
    const swap = swapBytes > 0 ? `, ${size(swapBytes)} paged out` : "";
    rows.push(row("Memory", `${size(memoryBytes)} of ${size(limits.memoryBytes)}${swap}`));
    rows.push(row("Processes", ` ${pids} of ${limits.pids}`));
    rows.push(row("Disk", `${size(diskBytes)} of ${size(limits.diskBytes)}`));
  }
  if (status.lastUsed) rows.push(row("Last use", status.lastUsed));
  return ["", `  Sandbox: ${name}`, ...rows, ""].join("\n");
}

function stateText({ found, phase, stopped, turns, agent, lastStop }: SandboxStatus): string {
  if (stopped) return "stopped";
  if (!found) return "not started yet";
  const why = phase === "cold" && lastStop && lastStop !== "asked" ? ` (it ended: ${lastStop})` : "";
  const failed = agent === "failed" ? ", its agent can't be started (nemoclaw NAME logs)" : "";
  const busy = turns > 0 ? `, ${turns} ${turns === 1 ? "turn" : "turns"}` : "";
  return `${phase}${busy}${failed}${why}`;
}

function size(bytes: number): string {
  const mb = bytes / 1024 / 1024;
  return mb < 1_000 ? `${Math.round(mb)} MB` : `${(mb / 1024).toFixed(1)} GB`;
}
