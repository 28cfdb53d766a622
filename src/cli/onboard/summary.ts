/** What onboarding ends with: the guide's block, with the layers that are really active. Pure. */
import type { ServiceStatus } from "../supervisor/control.ts";

const RULE = "─".repeat(50);

/** Layers as the guide names them, in its order; only what the self-test saw to hold. */
const NAMES: [layer: string, name: string][] = [
  ["landlock", "Landlock"],
  ["seccomp", "seccomp"],
  ["no-network", "netns"],
];

/** What the block says. */
export interface Summary {
  name: string;
  /** `provider/model`. */
  model: string;
  /** Absent: the service was not started, so nothing is known to be active. */
  layers?: ServiceStatus["layers"] | undefined;
}

/** The block. */
export function summaryText({ name, model, layers }: Summary): string {
  const active = NAMES.filter(([layer]) => layers?.some((one) => one.name === layer && one.active));
  const held = layers === undefined ? "not started yet" : active.map(([, shown]) => shown).join(" + ");
  return [
    RULE,
    `Sandbox      ${name} (${held || "NO PROTECTION IS ACTIVE"})`,
    `Model        ${model}`,
    RULE,
    `Run:         nemoclaw ${name} connect`,
    `Status:      nemoclaw ${name} status`,
    `Logs:        nemoclaw ${name} logs --follow`,
    RULE,
    "",
    "[INFO]  === Installation complete ===",
  ].join("\n");
}
