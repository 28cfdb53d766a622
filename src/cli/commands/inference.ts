/** `nemoclaw inference …`: which model answers whom, from which provider. */
import { Command } from "commander";
import type { SetOptions } from "../operator/inference.ts";
import type { HomeOption } from "../policy/target.ts";

interface TargetOption extends HomeOption {
  sandbox?: string;
  json?: boolean;
}

/** The group. */
export function inferenceCommand(): Command {
  const group = new Command("inference")
    .description("which model answers: get, set, models")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Without --sandbox the default profile is meant: everybody whose sandbox says nothing else.

Examples:
  nemoclaw inference get
  nemoclaw inference models --provider openrouter
  nemoclaw inference set --model claude-opus-4.5
  nemoclaw inference set --provider defapi --model claude-sonnet-4.5 --api-key-stdin < key.txt
  nemoclaw inference set --sandbox research --provider ollama --model qwen3`,
    );
  for (const command of [getCommand(), setCommand(), modelsCommand()])
    group.addCommand(command.exitOverride());
  return group;
}

const sandboxOption = ["--sandbox <name>", "this sandbox only"] as const;
const homeOption = ["--home <dir>", "home of the installation"] as const;

function getCommand(): Command {
  return new Command("get")
    .description("show provider and model")
    .option(...sandboxOption)
    .option("--json", "as one JSON object")
    .option(...homeOption)
    .action(async (options: TargetOption) =>
      (await import("../operator/inference.ts")).showInference(options),
    );
}

function setCommand(): Command {
  return new Command("set")
    .description("choose provider and model; the key and the model are tried before anything changes")
    .option("--provider <name>", "defapi, nvidia, openai, … (default: as it is)")
    .option("--model <model>", "the model's name there (default: the provider's)")
    .option("--endpoint-url <url>", "another address of the provider")
    .option("--api-key-stdin", "read its key from standard input")
    .option("--no-verify", "don't try key and model")
    .option(...sandboxOption)
    .option(...homeOption)
    .action(async (options: SetOptions) => (await import("../operator/inference.ts")).setInference(options));
}

function modelsCommand(): Command {
  return new Command("models")
    .description("list the models that the provider offers with the stored key")
    .option("--provider <name>", "another than the one in use")
    .option("--json", "as one JSON object")
    .option(...homeOption)
    .action(async (options: HomeOption & { provider?: string; json?: boolean }) =>
      (await import("../operator/inference.ts")).showModels(options),
    );
}
