/**
 * Slash commands, parsed purely. The same names on every platform.
 * Must never guess: what is no command is a message for the agent.
 */

/** Commands that a bridge answers or hands to the mailbox itself. */
export const COMMANDS = ["start", "new", "stop", "approvals", "rules", "help"] as const;
/** A command's name. */
export type CommandName = (typeof COMMANDS)[number];

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
  const known = COMMANDS.find((command) => command === name);
  return known ? { kind: "command", name: known, args: args.trim() } : { kind: "unknown-command", name };
}
