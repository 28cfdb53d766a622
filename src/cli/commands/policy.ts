/** `nemoclaw policy …`: put in force, look at, roll back, explain. */
import { Command, InvalidArgumentError } from "commander";
import { getCommand, listCommand, rollbackCommand, setCommand } from "../policy/commands.ts";
import { type ExplainAnswer, explanationText } from "../policy/explanation.ts";
import { askGateway, type HomeOption, resolveTarget } from "../policy/target.ts";

interface ExplainOptions extends HomeOption {
  sandbox?: string;
  method?: string;
  path?: string;
  binary?: string;
  json?: boolean;
}

/** The group; for one sandbox only where it is `bound` to its name. */
export function policyCommand(bound?: string): Command {
  const whose = bound === undefined ? "" : `${bound} `;
  const group = new Command("policy")
    .description("what may leave the sandboxes: set, get, list, explain, rollback")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
${
  bound === undefined
    ? "  nemoclaw policy set -f policy.yaml                for all sandboxes\n  nemoclaw policy set my-agent -f policy.yaml       for one, beside the default"
    : `  nemoclaw ${bound} policy set -f policy.yaml`
}
  nemoclaw ${whose}policy explain api.github.com:443 --method POST --path /repos
  nemoclaw ${whose}policy rollback --rev 2`,
    );
  for (const command of [
    setCommand("set", bound),
    getCommand(bound),
    listCommand(bound),
    explainCommand(bound),
    rollbackCommand(bound),
  ])
    group.addCommand(command.exitOverride());
  return group;
}

function explainCommand(bound: string | undefined): Command {
  const command = new Command("explain")
    .description("say what would happen to a connection or request, and why")
    .argument("<host:port>", "destination; an IPv6 address stands in brackets", destination)
    .option("--method <method>", "judge a request instead of a connection")
    .option("--path <path>", "the request's path (default /)")
    .option("--binary <path>", "program that asks")
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .action(async (to: { host: string; port: number }, options: ExplainOptions) => {
      const { method, path, binary } = options;
      const answer = await askGateway<ExplainAnswer>(options, "policy.explain", {
        target: resolveTarget(bound ?? options.sandbox, options),
        ...to,
        ...(method === undefined ? (path === undefined ? {} : { method: "GET" }) : { method }),
        ...(path === undefined ? {} : { path }),
        ...(binary === undefined ? {} : { binary }),
      });
      console.log(options.json ? JSON.stringify(answer) : explanationText(answer));
    });
  return bound === undefined
    ? command.option("--sandbox <name>", "for this sandbox; left out: by the default policy")
    : command;
}

function destination(text: string): { host: string; port: number } {
  const match = /^(?:https?:\/\/)?(\[[^\]]+\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(text);
  const port = Number(match?.[2]);
  if (!match?.[1] || port < 1 || port > 65_535) throw new InvalidArgumentError("expected host:port");
  return { host: match[1], port };
}
