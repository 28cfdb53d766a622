/** `nemoclaw policy-list`, `policy-add`, `policy-remove`: presets by name, as NemoClaw has them. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { Fault } from "../../lib/errors.ts";
import { EXIT, say, unreadable } from "../io.ts";
import { withSubmitOptions } from "../policy/commands.ts";
import { type SubmitOptions, submit } from "../policy/submit.ts";
import { askGateway, type HomeOption, resolveTarget } from "../policy/target.ts";

interface PresetRow {
  name: string;
  description: string;
  letsDataOut: boolean;
  applied: boolean;
  inherited: boolean;
}

type SandboxOption = { sandbox?: string };

/** Adds --sandbox, unless the command belongs to one sandbox (`nemoclaw NAME policy-add …`). */
const forSandbox = (command: Command, bound: string | undefined): Command =>
  bound === undefined ? command.option("--sandbox <name>", "sandbox", "default") : command;

/** `policy-list`. */
export function policyListCommand(bound?: string): Command {
  const command = new Command("policy-list")
    .description("show the presets and which are in force")
    .option("--json", "as one JSON array")
    .option("--home <dir>", "home of the installation");
  return forSandbox(command, bound).action(
    async (options: HomeOption & SandboxOption & { json?: boolean }) => {
      const rows = await askGateway<PresetRow[]>(options, "policy.presets", {
        target: resolveTarget(bound ?? options.sandbox, options),
      });
      if (options.json) return console.log(JSON.stringify(rows));
      console.log(presetList(bound ?? options.sandbox ?? "default", rows));
    },
  );
}

/** The list in NemoClaw's shape. */
export function presetList(sandbox: string, rows: readonly PresetRow[]): string {
  const lines = rows.map(({ name, description, letsDataOut, applied, inherited }) => {
    const marks = [
      ...(letsDataOut ? ["lets data out"] : []),
      ...(inherited && !applied ? ["by the default policy"] : []),
    ];
    return `    ${applied || inherited ? "●" : "○"} ${name} — ${description}${marks.length > 0 ? ` (${marks.join(", ")})` : ""}`;
  });
  return ["", `  Policy presets for sandbox '${sandbox}':`, ...lines, ""].join("\n");
}

/** `policy-add`. */
export function policyAddCommand(bound?: string): Command {
  const command = withSubmitOptions(
    new Command("policy-add")
      .description("put a preset in force")
      .argument("[preset]", "name of a preset (nemoclaw policy-list)")
      .option("--from-file <file>", "a preset file instead, ours or NVIDIA's"),
  );
  return forSandbox(command, bound)
    .addHelpText(
      "after",
      bound === undefined
        ? "\nExamples:\n  nemoclaw policy-add npm\n  nemoclaw policy-add github --sandbox my-agent"
        : `\nExamples:\n  nemoclaw ${bound} policy-add npm`,
    )
    .action(
      async (name: string | undefined, options: SubmitOptions & SandboxOption & { fromFile?: string }) => {
        const { choosePreset, formatNotices, presetNames } = await import("../../gateway/index.ts");
        const target = resolveTarget(bound ?? options.sandbox, options);
        const chosen = await choosePreset(sourceOf(name, options.fromFile));
        if (!chosen)
          throw new Fault({
            code: "preset-unknown",
            message: `there is no preset ${name}`,
            hint: `presets: ${presetNames().join(", ")}`,
          });
        if (!chosen.ok) {
          say(formatNotices(chosen.problems));
          process.exitCode = EXIT.failed;
          return;
        }
        const { letsDataOut, ...preset } = chosen.value;
        if (letsDataOut) say(`⚠ ${preset.name} lets data out`);
        const outcome = await submit("policy.preset.add", target, { preset }, options);
        if (outcome.kind === "submitted") console.log(`  Applied preset: ${preset.name}`);
      },
    );
}

/** `policy-remove`. */
export function policyRemoveCommand(bound?: string): Command {
  const command = withSubmitOptions(
    new Command("policy-remove")
      .description("take a preset out of force")
      .argument("<preset>", "name of a preset"),
  );
  return forSandbox(command, bound).action(async (preset: string, options: SubmitOptions & SandboxOption) => {
    const target = resolveTarget(bound ?? options.sandbox, options);
    const outcome = await submit("policy.preset.remove", target, { preset }, options);
    if (outcome.kind === "submitted") console.log(`  Removed preset: ${preset}`);
  });
}

function sourceOf(name: string | undefined, file: string | undefined) {
  if (file === undefined && name !== undefined) return { name };
  if (file === undefined || name !== undefined)
    throw new Fault({
      code: "usage",
      message: "say a preset's name or --from-file FILE",
      hint: "nemoclaw policy-list shows the presets",
    });
  try {
    return { file, text: readFileSync(file, "utf8") };
  } catch (cause) {
    throw unreadable(file, cause);
  }
}
