/** `nemoclaw start`: its options and help. What it does is loaded only when it is used (`start/run.ts`). */
import { Command, InvalidArgumentError, Option } from "commander";
import { homeFrom } from "../../lib/paths.ts";
import { INNER, NAMED, type StartOptions } from "../start/options.ts";

/** The subcommand. */
export function startCommand(): Command {
  return new Command("start")
    .description("start the service: Redis, launcher, gateway, worker and bridges, restarted when they die")
    .argument("[service]", `insist on this one: ${NAMED.join(" or ")}`)
    .option("--once <text>", "ask one question, print the answer to stdout, stop everything")
    .option("-d, --detach", "in the background; comes back when the service takes messages")
    .option("--yes", "install missing system packages without asking")
    .option("--no-prompt", "no chat prompt, also in a terminal")
    .option("--home <dir>", "home of the installation")
    .option("--port <number>", "port of the console's page on 127.0.0.1 (default: any free one)", port)
    .option(
      "--alone",
      "just this process, in a home that `nemoclaw service prepare` has made (compose, systemd)",
    )
    .addOption(new Option("--background", "what --detach starts: without the log's lines").hideHelp())
    .addOption(
      new Option(
        "--driver <driver>",
        "how sandboxes are made; with NEMOCLAW_DOCKER_ENGINE=podman docker means Podman (experimental)",
      ).choices(["process", "docker"]),
    )
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw start
  nemoclaw start --detach
  nemoclaw start --once "What is 2+2?"
  TELEGRAM_BOT_TOKEN=… nemoclaw start telegram-bridge
  DISCORD_BOT_TOKEN=… DISCORD_ALLOWED_USERS=123456789012345678 nemoclaw start discord-bridge
  NEMOCLAW_HOME=/srv/nemoclaw nemoclaw start --no-prompt`,
    )
    .action(async (service: string | undefined, options: StartOptions) => {
      if (service !== undefined && (options.alone || INNER.includes(service))) {
        const { runAlone } = await import("../start/alone.ts");
        return runAlone(options.home ?? homeFrom(process.env), service);
      }
      const { runStart } = await import("../start/run.ts");
      await runStart(service, options);
    });
}

function port(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return text;
  throw new InvalidArgumentError("expected a port, 0 to 65535 (0: any free one)");
}
