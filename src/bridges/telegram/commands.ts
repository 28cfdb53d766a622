/**
 * The command menu that Telegram shows, in every language that we speak; registered at each start, repeatable, never
 * awaited by anything. English is also what people of other languages see.
 */
import type { Api } from "grammy";
import { commandMenu, LANGUAGES, wordsOf } from "../core/index.ts";

/** Where commands are offered. */
const SCOPES = ["all_private_chats", "all_group_chats"] as const;

/** Registers the menus. Rejects with what grammY throws. */
export async function registerCommands(api: Api): Promise<void> {
  for (const language of ["", ...Object.keys(LANGUAGES).filter((one) => one !== "en")]) {
    const commands = commandMenu(wordsOf(language === "" ? "en" : language)).map(({ name, description }) => ({
      command: name,
      description,
    }));
    // Bot API "setMyCommands": a two-letter code, absent for everybody else.
    const whom = language === "" ? {} : { language_code: language as "de" };
    for (const type of SCOPES) await api.setMyCommands(commands, { scope: { type }, ...whom });
  }
}
