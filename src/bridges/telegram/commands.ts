/** The command menu that Telegram shows; registered at each start, repeatable, never awaited by anything. */
import type { Api } from "grammy";
import { COMMANDS } from "../core/index.ts";

const DESCRIPTIONS: Record<(typeof COMMANDS)[number], string> = {
  start: "Say hello",
  new: "Start a fresh conversation",
  stop: "Stop the running answer",
  approvals: "What waits for your decision",
  rules: "What you always allow",
  help: "What this bot can do",
};

/** Registers the menu for private chats. */
export async function registerCommands(api: Api): Promise<void> {
  const commands = COMMANDS.map((command) => ({ command, description: DESCRIPTIONS[command] }));
  await api.setMyCommands(commands, { scope: { type: "all_private_chats" } });
}
