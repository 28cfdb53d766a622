/** Settings that commands change: written to config.yaml, and taken over by the service when it runs. */
import { Fault } from "../../lib/errors.ts";
import { pathsOf } from "../../lib/paths.ts";
import { say } from "../io.ts";
import { findSandbox } from "../names/registry.ts";
import { applyEdits } from "../settings/apply.ts";
import type { Edit } from "../settings/edit.ts";
import { runningStatus } from "../start/join.ts";

/** Makes the edits count; says so when nothing runs that could take them over. @throws Fault `config-invalid` */
export async function changeSettings(home: string, edits: readonly Edit[]): Promise<void> {
  const running = await runningStatus(home);
  await applyEdits(pathsOf(home), edits);
  if (!running) say("· saved; it counts from the next nemoclaw start");
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
