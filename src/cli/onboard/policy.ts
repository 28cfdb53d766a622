/** Onboarding's questions about the network: what happens to unknown destinations, and presets from the list. */
import { choosePreset, formatNotices, listPresets } from "../../gateway/index.ts";
import type { PendingPreset } from "../settings/pending.ts";
import type { Given, PolicyMode } from "./given.ts";
import type { Answers } from "./state.ts";
import type { Ui } from "./ui.ts";

/** Asks for the mode. */
export async function askPolicy(ui: Ui, given: Given, before: Answers["policy"]): Promise<PolicyMode> {
  if (given.policy !== undefined || !ui.interactive) return given.policy ?? before ?? "strict";
  return (await ui.one({
    message: "Network policy",
    flag: "--policy",
    initial: before ?? "strict",
    choices: [
      {
        value: "strict",
        label: "Strict",
        hint: "only the model; for anything else the agent has to ask you",
      },
      { value: "closed", label: "Closed", hint: "only the model; anything else is refused without asking" },
    ],
  })) as PolicyMode;
}

/** Asks for presets. */
export async function askPresets(ui: Ui, given: Given, before: string[] | undefined): Promise<string[]> {
  if (given.presets !== undefined || !ui.interactive) return given.presets ?? before ?? [];
  return ui.several({
    message: "What may it reach without asking? (space chooses, enter goes on)",
    flag: "--preset",
    initial: before ?? [],
    choices: listPresets().map(({ name, description, letsDataOut }) => ({
      value: name,
      label: name,
      hint: `${description}${letsDataOut ? "; lets data out" : ""}`,
    })),
  });
}

/** Prepares presets on this machine (whose clients name the registries); one that can't be is left out, and said so. */
export async function preparePresets(ui: Ui, names: string[], target: string): Promise<PendingPreset[]> {
  const pending: PendingPreset[] = [];
  for (const name of names) {
    const chosen = await choosePreset({ name });
    if (chosen?.ok) {
      const { letsDataOut, ...preset } = chosen.value;
      if (letsDataOut) ui.warn(`${name} lets data out`);
      pending.push({ target, preset: { ...preset, registries: [...preset.registries] } });
    } else {
      const why = chosen ? formatNotices(chosen.problems) : "there is no such preset";
      ui.warn(`${name} is left out: ${why}; later: nemoclaw policy-add ${name}`);
    }
  }
  return pending;
}
