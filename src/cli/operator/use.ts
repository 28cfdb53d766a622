/** Settings that commands change: written to config.yaml, and taken over by the service when it runs. */
import { Fault } from "../../lib/errors.ts";
import { pathsOf } from "../../lib/paths.ts";
import { say } from "../io.ts";
import { findSandbox } from "../names/registry.ts";
import { type Edit, editConfig } from "../settings/edit.ts";
import { askControl, type ReloadReport } from "../supervisor/control.ts";

/** Makes the edits count. Says what waits for a restart, and that nothing runs. @throws Fault `config-invalid` */
export async function changeSettings(home: string, edits: readonly Edit[]): Promise<void> {
  const paths = pathsOf(home);
  editConfig(paths, edits);
  try {
    const { waits, troubles } = await askControl<ReloadReport>(paths.status, { op: "reload" });
    if (waits.length > 0) say(`! at the next start: ${waits.join(", ")}`);
    for (const trouble of troubles) say(`✗ ${trouble}`);
  } catch (error) {
    if (!(error instanceof Fault && error.code === "not-running")) throw error;
    say("· saved; it counts from the next nemoclaw start");
  }
}

/** Chooses the default sandbox. @throws Fault `sandbox-unknown`, `sandbox-not-onboarded` */
export async function useSandbox(home: string, name: string): Promise<void> {
  const sandbox = findSandbox(home, name);
  if (!sandbox.operators)
    throw new Fault({
      code: "sandbox-not-onboarded",
      message: `${name} belongs to somebody: it has no profile to give to newcomers`,
      hint: "nemoclaw onboard makes a sandbox with a profile",
    });
  const edits: Edit[] = [[["defaultSandbox"], sandbox.name]];
  await changeSettings(home, edits);
}
