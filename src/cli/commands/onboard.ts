/** `nemoclaw onboard`: its options and help. What it does is loaded only when it is used (`onboard/run.ts`). */
import { Command, Option } from "commander";
import type { OnboardOptions } from "../onboard/given.ts";

/** The subcommand. `reserved` gives the names of all commands, which no sandbox may have. */
export function onboardCommand(reserved: () => string[]): Command {
  return new Command("onboard")
    .description("set everything up: sandbox, model, network policy, chats; again for another sandbox")
    .option(
      "--non-interactive",
      "ask nothing: flags and variables say everything (NEMOCLAW_NON_INTERACTIVE=1)",
    )
    .option("--resume", "go on with the answers of an interrupted onboarding")
    .option("--fresh", "forget those answers")
    .option("--name <name>", "the sandbox's name (NEMOCLAW_SANDBOX_NAME; default my-agent)")
    .option("--provider <name>", "defapi, nvidia, openai, anthropic, … (NEMOCLAW_PROVIDER)")
    .option("--endpoint-url <url>", "another address of the provider, or that of compatible and vllm")
    .option("--model <model>", "the model's name at the provider (NEMOCLAW_MODEL)")
    .option("--api-key-stdin", "read the provider's key from standard input")
    .option("--secrets-stdin", "read NAME=value lines from standard input: keys and bot tokens")
    .option("--no-verify", "don't ask provider and chat platform whether key, model and token are good")
    .addOption(new Option("--policy <mode>", "what no rule names").choices(["strict", "closed"]))
    .option("--preset <names...>", "network presets (NEMOCLAW_POLICY_PRESETS)")
    .option("--telegram-users <ids>", "numeric ids that are let in (TELEGRAM_ALLOWED_USERS)")
    .option("--discord-users <ids>", "the same for Discord (DISCORD_ALLOWED_USERS)")
    .option("--no-start", "don't start the service")
    .addOption(new Option("--driver <driver>", "how sandboxes are made").choices(["process", "docker"]))
    .option("-y, --yes", "go on although a check of the machine failed")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Keys and tokens come by a hidden prompt, by standard input, or by their variables (DEFAPI_API_KEY, OPENAI_API_KEY,
TELEGRAM_BOT_TOKEN, DISCORD_BOT_TOKEN, …), never by an argument. NVIDIA's variables and provider names are understood too.

Examples:
  nemoclaw onboard
  nemoclaw onboard --resume
  nemoclaw onboard --non-interactive --provider defapi --api-key-stdin < key.txt
  NEMOCLAW_PROVIDER=ollama NEMOCLAW_MODEL=qwen3 nemoclaw onboard --non-interactive
  nemoclaw onboard --non-interactive --name research --provider demo --preset npm,pypi`,
    )
    .action(async (options: OnboardOptions) => {
      const { runOnboard } = await import("../onboard/run.ts");
      process.exitCode = await runOnboard(options, reserved());
    });
}
