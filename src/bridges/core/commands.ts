/**
 * Slash commands as one table, and their parsing. The same names on every platform: menus, slash commands and /help are
 * all made from the table. Must never guess: what is no command is a message for the agent.
 */
import { QueueMode } from "../../store/index.ts";
import type { Words } from "./catalogue.ts";

/** A row of the table. Its description is the catalogue's `command.<name>`, that of its argument `argument.<argument>`. */
export interface Command {
  name: string;
  /** What may follow the name; none of them is required. */
  argument?: "text" | "model" | "mode" | "rule" | "code";
  /** The argument is one of these. */
  choices?: readonly string[];
}

/** All commands, in the order of the menus. */
export const COMMAND_TABLE = [
  { name: "start" },
  { name: "help" },
  { name: "new", argument: "text" },
  { name: "stop" },
  { name: "status" },
  { name: "model", argument: "model" },
  { name: "usage" },
  { name: "queue", argument: "mode", choices: QueueMode.options },
  { name: "approvals" },
  { name: "rules", argument: "rule" },
  { name: "files" },
  { name: "export" },
  { name: "whoami" },
  { name: "link", argument: "code" },
  { name: "unlink" },
] as const satisfies readonly Command[];

/** A command's name. */
export type CommandName = (typeof COMMAND_TABLE)[number]["name"];

/** A command as a platform's menu shows it. */
export interface MenuEntry {
  name: CommandName;
  description: string;
  argument?: { name: string; description: string; choices: readonly string[] };
}

/** The menu in one language. */
export function commandMenu(say: Words): MenuEntry[] {
  return COMMAND_TABLE.map((command: Command & { name: CommandName }) => ({
    name: command.name,
    description: say.phrase(`command.${command.name}`),
    ...(command.argument === undefined
      ? {}
      : {
          argument: {
            name: command.argument,
            description: say.phrase(`argument.${command.argument}`),
            choices: command.choices ?? [],
          },
        }),
  }));
}

/** What a text is, seen from the bridge. */
export type ParsedText =
  | { kind: "command"; name: CommandName; args: string }
  /** Looks like a command of ours but is none. */
  | { kind: "unknown-command"; name: string }
  /** `/cmd@otherbot`: not for us. */
  | { kind: "other-bot" }
  | { kind: "text"; text: string };

/** `/name`, `/name args`, `/name@bot args`; a path such as `/etc/hosts` is text. */
const SHAPE = /^\/([A-Za-z][A-Za-z0-9_]{0,31})(?:@([A-Za-z0-9_]{3,64}))?(?:\s+([\s\S]*))?$/;

/** Parses one message. `botName` is the bot's user name without `@`; compared without case, as Telegram does. */
export function parseText(text: string, botName: string): ParsedText {
  const match = SHAPE.exec(text.trim());
  if (!match) return { kind: "text", text };
  const [, rawName = "", bot, args = ""] = match;
  if (bot !== undefined && bot.toLowerCase() !== botName.toLowerCase()) return { kind: "other-bot" };
  const name = rawName.toLowerCase();
  const known = COMMAND_TABLE.find((command) => command.name === name)?.name;
  return known ? { kind: "command", name: known, args: args.trim() } : { kind: "unknown-command", name };
}

/** Data of a button that does what a command does; undefined when it doesn't fit (64 bytes). */
export function commandData(name: CommandName, args: string): string | undefined {
  const data = `cmd:${name} ${args}`;
  return Buffer.byteLength(data) <= 64 ? data : undefined;
}

/** The command that such a button stands for, as its presser could have written it; undefined for other data. */
export function commandOfData(data: string): string | undefined {
  const text = data.startsWith("cmd:") ? `/${data.slice(4)}` : "";
  return parseText(text, "").kind === "command" ? text : undefined;
}
