/** `openshell policy …`: NVIDIA's command for policies, same words and same answers, on this project's gateway. */
import { Command } from "commander";
import { Fault } from "../../../lib/errors.ts";
import {
  getCommand,
  listCommand,
  rollbackCommand,
  sandboxArgument,
  setCommand,
  withSubmitOptions,
} from "../../policy/commands.ts";
import { type SubmitOptions, submit } from "../../policy/submit.ts";
import { resolveTarget } from "../../policy/target.ts";

interface UpdateOptions extends SubmitOptions {
  addEndpoint: string[];
  removeEndpoint: string[];
  addAllow: string[];
  addDeny: string[];
  removeRule: string[];
  binary: string[];
  ruleName?: string;
}

/** The group. */
export function openshellPolicyCommand(): Command {
  const group = new Command("policy")
    .description("policies: what may leave a sandbox")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  openshell policy set my-agent --policy policy.yaml --wait
  openshell policy apply -f custom-policy.yaml              for all sandboxes
  openshell policy update my-agent --add-endpoint api.example.com:443:read-only
  openshell policy get my-agent --full
  openshell policy rollback my-agent --rev 2
  openshell policy delete my-agent --wait                   its own rules and presets end

Exit codes: 0 done · 1 refused or not loaded · 2 wrong usage · 3 not running · 124 not loaded in time (--wait)`,
    );
  for (const command of [
    setCommand("set"),
    setCommand("apply"),
    updateCommand(),
    getCommand(),
    listCommand(),
    rollbackCommand(),
    deleteCommand(),
  ])
    group.addCommand(command.exitOverride());
  return group;
}

function deleteCommand(): Command {
  const command = new Command("delete")
    .description(
      "take a policy and its presets back: the default (or, of the default, the product's own) holds then",
    )
    .addArgument(sandboxArgument())
    .option("--global", "the default policy");
  return withSubmitOptions(command).action(
    async (sandbox: string | undefined, options: SubmitOptions & { global?: boolean }) => {
      if ((sandbox === undefined) === (options.global !== true))
        throw new Fault({ code: "usage", message: "whose policy? Name a sandbox, or say --global" });
      await submit("policy.delete", resolveTarget(sandbox, options), {}, options);
    },
  );
}

const collect = (value: string, all: string[]) => [...all, value];

function updateCommand(): Command {
  const command = new Command("update")
    .description("change a policy a little; comments in its text stay")
    .addArgument(sandboxArgument())
    .option("--add-endpoint <spec>", "host:port[:access[:protocol[:enforcement]]]", collect, [])
    .option("--remove-endpoint <spec>", "host:port", collect, [])
    .option("--add-allow <spec>", "host:port:METHOD:/path", collect, [])
    .option("--add-deny <spec>", "host:port:METHOD:/path", collect, [])
    .option("--remove-rule <name>", "a rule with all its endpoints", collect, [])
    .option("--binary <path>", "only for this program (with --add-endpoint)", collect, [])
    .option("--rule-name <name>", "name of the rule (with --add-endpoint)");
  return withSubmitOptions(command).action(async (sandbox: string | undefined, options: UpdateOptions) => {
    const each = (op: string, specs: readonly string[]) => specs.map((spec) => ({ op, spec }));
    const edits = [
      ...each("remove-rule", options.removeRule),
      ...each("remove-endpoint", options.removeEndpoint),
      ...options.addEndpoint.map((spec) => ({
        op: "add-endpoint",
        spec,
        ...(options.binary.length > 0 ? { binaries: options.binary } : {}),
        ...(options.ruleName === undefined ? {} : { rule: options.ruleName }),
      })),
      ...each("add-allow", options.addAllow),
      ...each("add-deny", options.addDeny),
    ];
    if (edits.length === 0)
      throw new Fault({
        code: "usage",
        message: "nothing to change",
        hint: "say --add-endpoint, --remove-endpoint, --add-allow, --add-deny or --remove-rule",
      });
    await submit("policy.update", resolveTarget(sandbox, options), { edits }, options);
  });
}
