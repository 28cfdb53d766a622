/** The slash commands, registered in bulk and only when Discord has others; never awaited by anything. */
import { z } from "zod";
import { COMMANDS } from "../core/index.ts";
import type { DiscordApi } from "./api.ts";

/** What Discord shows beside a command, and what may follow it. */
const MENU: Record<
  (typeof COMMANDS)[number],
  { description: string; argument?: [name: string, text: string] }
> = {
  start: { description: "Say hello" },
  new: {
    description: "Start a fresh conversation",
    argument: ["text", "The first message of the new conversation"],
  },
  stop: { description: "Stop the running answer" },
  approvals: { description: "What waits for your decision" },
  rules: { description: "What you always allow", argument: ["rule", "revoke and a rule's id"] },
  help: { description: "What this bot can do" },
};

const STRING = 3;
const Known = z.array(
  z.looseObject({
    name: z.string(),
    description: z.string(),
    options: z
      .array(z.looseObject({ name: z.string(), description: z.string(), type: z.number() }))
      .default([]),
  }),
);

/** The commands as Discord takes them. Pure. */
export function slashCommands(): { name: string; description: string; options: object[] }[] {
  return COMMANDS.map((name) => {
    const { description, argument } = MENU[name];
    const options =
      argument === undefined
        ? []
        : [{ type: STRING, name: argument[0], description: argument[1], required: false }];
    return { name, description, options };
  });
}

/** Registers them where they differ from what Discord has; true when it wrote. */
export async function registerCommands(api: DiscordApi, application: string): Promise<boolean> {
  const wanted = slashCommands();
  const known = Known.safeParse(await api.commands(application)).data;
  if (known && textOf(known) === textOf(wanted)) return false;
  await api.putCommands(application, wanted);
  return true;
}

/** What matters of commands, as one text. */
function textOf(
  commands: readonly { name: string; description: string; options: readonly unknown[] }[],
): string {
  const rows = commands.map(({ name, description, options }) => [
    name,
    description,
    (options as { type: number; name: string; description: string }[]).map((one) => [
      one.type,
      one.name,
      one.description,
    ]),
  ]);
  return JSON.stringify(rows.toSorted(([a], [b]) => String(a).localeCompare(String(b))));
}
