/** `nemoclaw groups …`: groups, channels and guilds that are answered, and who decides there. By numeric ids only. */
import { Command, Option } from "commander";
import type { Group } from "../../store/index.ts";
import { askAccess } from "../access/ask.ts";
import { nameShown } from "../access/name.ts";
import type { HomeOption } from "../policy/target.ts";

type Listed = Group & { sandbox: string };

interface Options extends HomeOption {
  json?: boolean;
}

const home = ["--home <dir>", "home of the installation"] as const;
const json = ["--json", "as one JSON object"] as const;
const PLACE = ["<id>", "PLATFORM:NUMBER, e.g. telegram:-1001234567890"] as const;

/** The group of commands. */
export function groupsCommand(): Command {
  const group = new Command("groups")
    .description("groups and guilds that are answered: list, allow, remove, approvers")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
A group has a sandbox of its own; nobody's private files are in it. Until you name approvers, what its agent may not reach
by policy is denied without asking.

Examples:
  nemoclaw groups list
  nemoclaw groups allow telegram:-1001234567890 --approvers telegram:12345678
  nemoclaw groups allow discord:9876543210 --guild --members known
  nemoclaw groups approvers telegram:-1001234567890 --add telegram:12345678
  nemoclaw groups remove telegram:-1001234567890`,
    );
  for (const command of [listCommand(), allowCommand(), removeCommand(), approversCommand()])
    group.addCommand(command.exitOverride());
  return group;
}

function groupLine({ place, name, kind, state, approvers, respond, members }: Group, sandbox = ""): string {
  const who = approvers.length === 0 ? "nobody decides" : `decided by ${approvers.join(", ")}`;
  const parts = [
    ...[place, nameShown(name), kind === "guild" ? `guild, ${state}` : state, who],
    ...[`answers ${respond === "all" ? "everything" : "when addressed"}`],
    ...[members === "known" ? "only people who are let in" : "every member", sandbox],
  ];
  return parts.filter((part) => part !== "").join("  ");
}

function listCommand(): Command {
  return new Command("list")
    .description("all that are known, also those that wait for your decision")
    .option(...json)
    .option(...home)
    .action(async (options: Options) => {
      const answer = await askAccess<{ groups: Listed[] }>(options, "groups.list");
      if (options.json) return console.log(JSON.stringify(answer));
      if (answer.groups.length === 0) return console.log("The bot is in no group that it was told of.");
      for (const one of answer.groups) console.log(groupLine(one, one.sandbox));
    });
}

function allowCommand(): Command {
  return new Command("allow")
    .description("answer its members")
    .argument(...PLACE)
    .option("--guild", "a Discord server: each channel gets a sandbox of its own")
    .option("--name <text>", "what you call it")
    .option("--approvers <id...>", "persons who decide there")
    .addOption(
      new Option("--respond <when>", "mentions, replies and commands, or every message").choices([
        "addressed",
        "all",
      ]),
    )
    .addOption(
      new Option("--members <who>", "every member, or only people who are let in").choices([
        "everyone",
        "known",
      ]),
    )
    .option(...json)
    .option(...home)
    .action(
      async (
        place: string,
        options: Options & {
          guild?: boolean;
          name?: string;
          approvers?: string[];
          respond?: Group["respond"];
          members?: Group["members"];
        },
      ) => {
        const { guild, name, approvers, respond, members } = options;
        const choice = { guild, name, approvers, respond, members };
        const given = Object.entries(choice).filter(([, value]) => value !== undefined);
        const group = await askAccess<Group>(options, "groups.allow", {
          place,
          ...Object.fromEntries(given),
        });
        if (options.json) return console.log(JSON.stringify({ group }));
        console.log(`✓ ${groupLine(group)}`);
        if (group.approvers.length === 0)
          console.log(`  Nobody decides there yet: nemoclaw groups approvers ${place} --add telegram:NUMBER`);
        if (group.respond === "all" && place.startsWith("telegram:"))
          console.log(
            "  Telegram hands a bot every message only with privacy mode off (@BotFather, /setprivacy; then add it again).",
          );
      },
    );
}

function removeCommand(): Command {
  return new Command("remove")
    .description("answer nobody there any more; its sandbox is shut, its files are kept")
    .argument(...PLACE)
    .option(...json)
    .option(...home)
    .action(async (place: string, options: Options) => {
      const group = await askAccess<Group>(options, "groups.remove", { place });
      console.log(options.json ? JSON.stringify({ group }) : `✓ ${groupLine(group)}`);
    });
}

function approversCommand(): Command {
  return new Command("approvers")
    .description("who decides for a group; without options: shows them")
    .argument(...PLACE)
    .option("--add <id...>", "persons, e.g. telegram:12345678")
    .option("--remove <id...>", "persons")
    .option(...json)
    .option(...home)
    .action(async (place: string, options: Options & { add?: string[]; remove?: string[] }) => {
      const { add = [], remove = [] } = options;
      const group = await askAccess<Group>(options, "groups.approvers", { place, add, remove });
      if (options.json) return console.log(JSON.stringify({ group }));
      console.log(
        group.approvers.length === 0
          ? "Nobody decides there: what its policy doesn't allow is denied."
          : group.approvers.join("\n"),
      );
    });
}
