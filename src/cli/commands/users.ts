/** `nemoclaw users …`: who is let in, and what they may do. By numeric ids only. */
import { Command, InvalidArgumentError } from "commander";
import type { ListedPerson } from "../../access/index.ts";
import { Fault } from "../../lib/errors.ts";
import { askAccess, claimLines, freshClaimCode } from "../access/ask.ts";
import { nameShown } from "../access/name.ts";
import type { HomeOption } from "../policy/target.ts";

interface Options extends HomeOption {
  json?: boolean;
}

const home = ["--home <dir>", "home of the installation"] as const;
const json = ["--json", "as one JSON object"] as const;
const WHO = [
  "<id>",
  "PLATFORM:NUMBER, e.g. telegram:12345678; the number alone where only one platform knows it",
] as const;

/** The group. */
export function usersCommand(): Command {
  const group = new Command("users")
    .description("people: list, show, add, block, unblock, role, limits, ask-commands, rename, claim")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw users list
  nemoclaw users block telegram:12345678       out within a second: turns end, nothing leaves their sandbox
  nemoclaw users role telegram:12345678 admin  may let others in (approver: decides in every group; --off takes it)
  nemoclaw users limits telegram:12345678 --daily-tokens 200000 --daily-cost 1.50
  nemoclaw users claim                         a code that makes you the admin, for one hour`,
    );
  for (const command of [
    ...[listCommand(), showCommand(), addCommand(), blockCommand(), unblockCommand()],
    ...[roleCommand(), limitsCommand(), askCommandsCommand(), renameCommand(), claimCommand()],
  ])
    group.addCommand(command.exitOverride());
  return group;
}

/** One person as a line. */
function personLine({ identity, name, state, roles, sandbox, linked }: ListedPerson): string {
  const what = [state, ...roles].join(", ");
  return `${identity}  ${nameShown(name)}  ${what}  ${sandbox}${linked ? " (linked)" : ""}`;
}

function listCommand(): Command {
  return new Command("list")
    .description("everybody who is let in or blocked")
    .option(...json)
    .option(...home)
    .action(async (options: Options) => {
      const answer = await askAccess<{ users: ListedPerson[] }>(options, "users.list");
      if (options.json) return console.log(JSON.stringify(answer));
      if (answer.users.length === 0)
        return console.log("Nobody is let in yet: nemoclaw pairing list, users claim.");
      for (const person of answer.users) console.log(personLine(person));
    });
}

function showCommand(): Command {
  return new Command("show")
    .description("everything that is known of one person")
    .argument(...WHO)
    .option(...json)
    .option(...home)
    .action(async (who: string, options: Options) => {
      const answer = await askAccess<{ user: ListedPerson; profile: Record<string, unknown> | null }>(
        options,
        "users.show",
        { who },
      );
      if (options.json) return console.log(JSON.stringify(answer));
      const { user, profile } = answer;
      console.log(personLine(user));
      console.log(`  since ${new Date(user.since).toISOString()}, by ${user.by ?? "-"} (${user.source})`);
      console.log(`  sandbox ${user.sandbox} (${user.principal})`);
      if (user.linked) console.log(`  own sandbox, kept for /unlink: ${user.own}`);
      console.log(`  ${limitsLine(profile ?? {})}`);
    });
}

/** A command that changes one person and prints what holds now. */
function changing(name: string, description: string, method: string, done: string): Command {
  return new Command(name)
    .description(description)
    .argument(...WHO)
    .option(...json)
    .option(...home)
    .action(async (who: string, options: Options) => {
      const user = await askAccess<ListedPerson>(options, method, { who });
      console.log(options.json ? JSON.stringify({ user }) : `✓ ${done}: ${personLine(user)}`);
    });
}

const addCommand = () => changing("add", "let somebody in without a code", "users.add", "Let in");
const blockCommand = () =>
  changing(
    "block",
    "out within a second, on every linked platform; files are kept",
    "users.block",
    "Blocked",
  );
const unblockCommand = () =>
  changing("unblock", "let a blocked person back in; roles don't come back", "users.unblock", "Unblocked");

function roleCommand(): Command {
  return new Command("role")
    .description("give a role, or take it with --off")
    .argument(...WHO)
    .argument("<role>", "approver: decides in every group; admin: lets others in")
    .option("--off", "take it")
    .option(...json)
    .option(...home)
    .action(async (who: string, role: string, options: Options & { off?: boolean }) => {
      if (role !== "approver" && role !== "admin")
        throw new Fault({
          code: "usage",
          message: `there is no role "${role.slice(0, 20)}"`,
          hint: "approver or admin",
        });
      const user = await askAccess<ListedPerson>(options, "users.role", { who, role, on: !options.off });
      console.log(options.json ? JSON.stringify({ user }) : `✓ ${personLine(user)}`);
    });
}

type Amount = number | "none";

interface LimitOptions extends Options {
  dailyTokens?: Amount;
  dailyCost?: Amount;
  messages?: Amount;
  turns?: Amount;
}

function limitsCommand(): Command {
  return new Command("limits")
    .description(
      "what somebody may use; `none` takes a limit of theirs away, so that the configuration's counts",
    )
    .argument(...WHO)
    .option("--daily-tokens <number>", "tokens of the model a day, in and out", amount(1))
    .option("--daily-cost <dollars>", "US dollars a day", amount(1e6))
    .option("--messages <number>", "messages a minute", amount(1))
    .option("--turns <number>", "turns that run at once", amount(1))
    .option(...json)
    .option(...home)
    .action(async (who: string, options: LimitOptions) => {
      const {
        dailyTokens,
        dailyCost: dailyMicros,
        messages: messagesPerMinute,
        turns: runningTurns,
      } = options;
      const limits = { dailyTokens, dailyMicros, messagesPerMinute, runningTurns };
      const given = Object.entries(limits).filter(([, value]) => value !== undefined);
      const answer = await askAccess<{ profile: Record<string, unknown> }>(options, "users.limits", {
        who,
        ...Object.fromEntries(given.map(([name, value]) => [name, value === "none" ? null : value])),
      });
      if (options.json) return console.log(JSON.stringify(answer));
      console.log(`✓ ${limitsLine(answer.profile)}`);
    });
}

/** A person's own limits in words. */
function limitsLine(profile: Record<string, unknown>): string {
  const { dailyTokens, dailyMicros, messagesPerMinute, runningTurns } = profile;
  const own = [
    dailyTokens === undefined ? "" : `${dailyTokens} tokens a day`,
    typeof dailyMicros === "number" ? `$${dailyMicros / 1e6} a day` : "",
    messagesPerMinute === undefined ? "" : `${messagesPerMinute} messages a minute`,
    runningTurns === undefined ? "" : `${runningTurns} turns at once`,
  ].filter((part) => part !== "");
  return own.length === 0 ? "limits: as the configuration says" : `at most ${own.join(", ")}`;
}

const ASKS: Record<string, boolean | null> = { on: true, off: false, default: null };

function askCommandsCommand(): Command {
  return new Command("ask-commands")
    .description("whether somebody's agent asks before it runs a command; a courtesy, not a boundary")
    .argument(...WHO)
    .argument("<on|off|default>", "default: as the configuration says")
    .option(...json)
    .option(...home)
    .action(async (who: string, choice: string, options: Options) => {
      const askCommands = ASKS[choice];
      if (askCommands === undefined)
        throw new Fault({ code: "usage", message: "say on, off or default", hint: "docs/approvals.md" });
      const answer = await askAccess<object>(options, "users.limits", { who, askCommands });
      console.log(
        options.json ? JSON.stringify(answer) : `✓ ${who}: ${choice}, from the agent's next start on`,
      );
    });
}

function renameCommand(): Command {
  return new Command("rename")
    .description("give somebody's sandbox another name")
    .argument(...WHO)
    .argument("<name>", "lower-case letters, digits and dashes")
    .option(...json)
    .option(...home)
    .action(async (who: string, name: string, options: Options, command: Command) => {
      const [{ knownSandboxes }, { homeFrom, pathsOf }] = await Promise.all([
        import("../names/registry.ts"),
        import("../../lib/paths.ts"),
      ]);
      const taken = knownSandboxes(pathsOf(options.home ?? homeFrom(process.env))).sandboxes;
      if (command.parent?.parent?.commands.some((other) => other.name() === name))
        throw new Fault({ code: "usage", message: `${name} is the name of a command` });
      if (taken.some((one) => one.name === name))
        throw new Fault({ code: "name-taken", message: `another sandbox is called ${name}` });
      const user = await askAccess<ListedPerson>(options, "users.rename", { who, name });
      console.log(options.json ? JSON.stringify({ user }) : `✓ ${personLine(user)}`);
    });
}

function claimCommand(): Command {
  return new Command("claim")
    .description("print a code that makes whoever sends it to the bot its admin; needs a terminal")
    .option(...home)
    .action(async (options: Options) => {
      if (process.stdout.isTTY !== true)
        throw new Fault({
          code: "no-terminal",
          message: "a claim code is shown on a terminal only, never in a file or a log",
          hint: "run this in a terminal",
        });
      const { code } = await freshClaimCode(options);
      for (const line of claimLines(code)) console.log(line);
    });
}

/** `none`, or a number in steps of 1/unit. */
function amount(unit: number): (text: string) => Amount {
  return (text) => {
    if (text === "none") return text;
    const value = Math.round(Number(text) * unit);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0)
      throw new InvalidArgumentError("expected a number, or none");
    return value;
  };
}
