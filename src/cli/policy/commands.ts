/**
 * Subcommands of `policy` that both CLIs have, each made once: set, get, list, rollback.
 */
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { PolicyRow, PolicyView } from "../../gateway/index.ts";
import { Fault } from "../../lib/errors.ts";
import { policyData, policyTable, policyText } from "./render.ts";
import { readPolicyFile, type SubmitOptions, submit } from "./submit.ts";
import { askGateway, type HomeOption, resolveTarget } from "./target.ts";

/** A whole number from 1. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number from 1");
  return value;
}

/** The sandbox that is meant; without it everybody's policy. */
export const sandboxArgument = (): Argument =>
  new Argument("[sandbox]", "sandbox; left out: the default policy, which holds for all");

/**
 * Gives a command its action. Bound to a sandbox (`nemoclaw NAME policy …`) it takes no such argument; else the first
 * argument says whose policy is meant.
 */
function acting<O>(
  command: Command,
  bound: string | undefined,
  run: (sandbox: string | undefined, options: O) => Promise<void>,
): Command {
  return bound === undefined
    ? command.addArgument(sandboxArgument()).action(run)
    : command.action((options: O) => run(bound, options));
}
const homeOption = () => new Option("--home <dir>", "home of the installation");

/** Options of every change. */
export function withSubmitOptions(command: Command): Command {
  return command
    .option("--wait", "wait until the gateway has loaded it")
    .option("--timeout <seconds>", "longest wait", positive, 60)
    .option("--dry-run", "check it and show what would change")
    .option("--note <text>", "why, for the history")
    .option("-y, --yes", "accepted for compatibility: nothing is asked")
    .addOption(homeOption());
}

/** `policy set` and its alias `policy apply`. */
export function setCommand(name: "set" | "apply", bound?: string): Command {
  const command = withSubmitOptions(
    new Command(name)
      .description(
        name === "set"
          ? "put a policy file in force, at once"
          : "the same as set: put a policy file in force",
      )
      .option("-f, --policy <file>", "the policy, in either form (- is standard input)"),
  );
  if (bound === undefined) command.option("--global", "the default policy, as without a sandbox");
  return acting<SubmitOptions & { policy?: string; global?: boolean }>(
    command,
    bound,
    async (sandbox, options) => {
      if (options.policy === undefined)
        throw new Fault({ code: "usage", message: "which policy? Say --policy FILE (or -f FILE)" });
      if (options.global && sandbox !== undefined)
        throw new Fault({ code: "usage", message: "--global and a sandbox exclude each other" });
      await submit("policy.set", resolveTarget(sandbox, options), readPolicyFile(options.policy), options);
    },
  );
}

interface GetOptions extends HomeOption {
  rev?: number;
  full?: boolean;
  base?: boolean;
  output?: "json" | "yaml";
}

/** `policy get`. */
export function getCommand(bound?: string): Command {
  const command = new Command("get")
    .description("show a policy: its facts, and with --base or --full what it says")
    .option("--rev <number>", "an earlier version", positive)
    .option("--base", "the file as it was given")
    .option("--full", "all that holds: default, presets and standing approvals included")
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]))
    .addOption(homeOption());
  return acting<GetOptions>(command, bound, async (sandbox, options) => {
    const view = await askGateway<PolicyView>(options, "policy.get", {
      target: resolveTarget(sandbox, options),
      full: options.full === true,
      ...(options.rev === undefined ? {} : { rev: options.rev }),
    });
    const what = options.full ? "full" : options.base ? "base" : "facts";
    console.log(options.output ? policyData(view, options.output) : policyText(view, what));
  });
}

/** `policy list`. */
export function listCommand(bound?: string): Command {
  const command = new Command("list")
    .description("show the versions of a policy, newest first")
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json"]))
    .addOption(homeOption());
  return acting<HomeOption & { output?: string }>(command, bound, async (sandbox, options) => {
    const rows = await askGateway<PolicyRow[]>(options, "policy.list", {
      target: resolveTarget(sandbox, options),
    });
    console.log(options.output ? JSON.stringify(rows) : policyTable(rows));
  });
}

/** `policy rollback`. */
export function rollbackCommand(bound?: string): Command {
  const command = withSubmitOptions(
    new Command("rollback")
      .description("put an earlier version in force again, as a new one")
      .requiredOption("--rev <number>", "the version to bring back", positive),
  );
  return acting<SubmitOptions & { rev: number }>(command, bound, async (sandbox, options) => {
    await submit("policy.rollback", resolveTarget(sandbox, options), { rev: options.rev }, options);
  });
}
