/** Settings that commands change while the service may run: written first, then taken over by whoever runs. */
import type { Config } from "../../lib/config.ts";
import type { Paths } from "../../lib/paths.ts";
import { say } from "../io.ts";
import { runningStatus } from "../start/join.ts";
import { askControl, type ReloadReport } from "../supervisor/control.ts";
import { type Edit, editConfig } from "./edit.ts";

/**
 * Makes the edits and lets a running service take them over. Says what waits for the next start.
 * @throws Fault `config-invalid`, and nothing is changed.
 */
export async function applyEdits(paths: Paths, edits: readonly Edit[]): Promise<Config> {
  const config = editConfig(paths, edits);
  if (!(await runningStatus(paths.home))) return config;
  const { troubles, waits } = await askControl<ReloadReport>(paths.status, { op: "reload" });
  for (const trouble of troubles) say(`! ${trouble}`);
  if (waits.length > 0) say(`! at the next start: ${waits.join(", ")}`);
  return config;
}
