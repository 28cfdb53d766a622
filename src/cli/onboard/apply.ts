/**
 * Onboarding's only writing step: secrets, then config.yaml, each atomically and with its owner; then the service is
 * started, or takes the settings over. Repeating it gives the same result.
 */
import { join } from "node:path";
import { OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import type { Paths } from "../../lib/paths.ts";
import { FIRST_SANDBOX, knownSandboxes, onboardedId } from "../names/registry.ts";
import { type Edit, editConfig } from "../settings/edit.ts";
import { leavePending, type PendingPreset } from "../settings/pending.ts";
import { startDetached } from "../start/detach.ts";
import { runningStatus } from "../start/join.ts";
import { askControl, type ReloadReport, type ServiceStatus } from "../supervisor/control.ts";
import { writeSecret } from "../supervisor/secrets.ts";
import { usersFor } from "../supervisor/users.ts";
import type { PolicyMode } from "./given.ts";
import type { NewSecret } from "./secrets.ts";
import type { Answers } from "./state.ts";

/** Answers that nothing is missing from. */
export type Complete = Answers & { name: string; provider: string; model: string; policy: PolicyMode };

/** Everything that was answered. */
export interface Plan {
  paths: Paths;
  answers: Complete;
  secrets: NewSecret[];
  presets: PendingPreset[];
  driver: string | undefined;
}

/** Whether this is the operator's first sandbox: then its settings are everybody's default. */
export function isFirst(paths: Paths, name: string): boolean {
  const onboarded = knownSandboxes(paths).sandboxes.filter(({ operators }) => operators);
  const own = onboarded.find(({ id }) => id === OPERATOR_PRINCIPAL);
  return own === undefined || own.name === name || !own.named;
}

/** The sandbox's id: an onboarded one keeps its own. */
export function idFor(paths: Paths, name: string): string {
  const known = knownSandboxes(paths).sandboxes.find(
    (one) => one.operators && one.named && one.name === name,
  );
  return known?.id ?? (isFirst(paths, name) ? OPERATOR_PRINCIPAL : onboardedId(name));
}

/** config.yaml's changes. Pure but for what the home says about names. */
export function editsFor({ paths, answers, driver }: Plan): Edit[] {
  const { name, provider, model, baseUrl, policy, telegramUsers, discordUsers } = answers;
  const first = isFirst(paths, name);
  const id = first && name !== FIRST_SANDBOX ? { id: OPERATOR_PRINCIPAL } : {};
  const edits: Edit[] = [[["sandboxes", name], { ...id, provider, model }]];
  if (baseUrl !== undefined) edits.push([["inference", "providers", provider, "baseUrl"], baseUrl]);
  if (driver !== undefined) edits.push([["sandbox", "driver"], driver]);
  if (telegramUsers !== undefined) edits.push([["telegram", "allowedUsers"], telegramUsers]);
  if (discordUsers !== undefined) edits.push([["discord", "allowedUsers"], discordUsers]);
  if (first) {
    edits.push(
      [["defaultSandbox"], name],
      [["inference", "default"], { provider, model }],
      [["egress", "unknown"], policy === "closed" ? "deny" : "ask"],
    );
  }
  return edits;
}

/** Writes secrets and settings. @throws Fault `config-invalid` before anything is written. */
export function write(plan: Plan): void {
  const { paths, secrets, presets } = plan;
  const users = usersFor(process.getuid?.() ?? -1, process.getgid?.() ?? -1);
  for (const { process: owner, name, value } of secrets)
    writeSecret(join(paths.secrets(owner), name), value, users[owner]);
  editConfig(paths, editsFor(plan));
  leavePending(paths, presets);
}

/** Starts the service in the background, or lets the running one take the settings over. Resolves with its status. */
export async function bringUp(paths: Paths, tell: (line: string) => void): Promise<ServiceStatus> {
  const running = await runningStatus(paths.home);
  if (!running) return startDetached({ home: paths.home, args: [], progress: tell });
  tell("the running service takes the settings over");
  const { troubles } = await askControl<ReloadReport>(paths.status, { op: "reload" });
  for (const trouble of troubles) tell(`! ${trouble}`);
  return askControl<ServiceStatus>(paths.status, { op: "status" });
}
