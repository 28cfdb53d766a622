/**
 * The slash commands, registered in bulk and only when Discord has others; never awaited by anything. Made from the
 * core's table, described in every language that we speak.
 */
import { z } from "zod";
import { commandMenu, LANGUAGES, type MenuEntry, wordsOf } from "../core/index.ts";
import type { DiscordApi } from "./api.ts";

/** Discord's names of our languages, where they differ (its "Locales" table). */
const LOCALES: Readonly<Record<string, string>> = {
  es: "es-ES",
  en: "en-US",
  pt: "pt-BR",
  sv: "sv-SE",
  zh: "zh-CN",
};
const STRING = 3;
/** Discord's limit of descriptions. */
const MOST = 100;

const Words = z.record(z.string(), z.string()).nullish();
const Option = z.looseObject({
  type: z.number(),
  name: z.string(),
  description: z.string(),
  description_localizations: Words,
  choices: z.array(z.looseObject({ name: z.string(), value: z.string() })).nullish(),
});
const Command = z.looseObject({
  name: z.string(),
  description: z.string(),
  description_localizations: Words,
  options: z.array(Option).nullish(),
});
type Command = z.infer<typeof Command>;

/** The commands as Discord takes them. Pure. */
export function slashCommands(): Command[] {
  const menus = Object.keys(LANGUAGES)
    .filter((language) => language !== "en")
    .map((language) => ({ locale: LOCALES[language] ?? language, menu: commandMenu(wordsOf(language)) }));
  return commandMenu(wordsOf("en")).map((entry, index) => {
    const localized = (text: (one: MenuEntry) => string) =>
      Object.fromEntries(menus.map(({ locale, menu }) => [locale, cut(text(menu[index]!))]));
    const { argument } = entry;
    const option = argument && {
      type: STRING,
      name: argument.name,
      description: cut(argument.description),
      description_localizations: localized((one) => one.argument?.description ?? ""),
      ...(argument.choices.length === 0
        ? {}
        : { choices: argument.choices.map((name) => ({ name, value: name })) }),
    };
    return {
      name: entry.name,
      description: cut(entry.description),
      description_localizations: localized((one) => one.description),
      options: option ? [option] : [],
    };
  });
}

/** Registers them where they differ from what Discord has; true when it wrote. */
export async function registerCommands(api: DiscordApi, application: string): Promise<boolean> {
  const wanted = slashCommands();
  const known = z.array(Command).safeParse(await api.commands(application)).data;
  if (known && textOf(known) === textOf(wanted)) return false;
  await api.putCommands(application, wanted);
  return true;
}

const cut = (text: string) => text.slice(0, MOST);

/** What matters of commands, as one text: Discord adds fields and gives its own order. */
function textOf(commands: readonly Command[]): string {
  const words = (texts: Record<string, string> | null | undefined) => Object.entries(texts ?? {}).toSorted();
  const rows = commands.map((one) => [
    one.name,
    one.description,
    words(one.description_localizations),
    (one.options ?? []).map((option) => [
      ...[option.type, option.name, option.description, words(option.description_localizations)],
      (option.choices ?? []).map(({ value }) => value),
    ]),
  ]);
  return JSON.stringify(rows.toSorted(([a], [b]) => String(a).localeCompare(String(b))));
}
