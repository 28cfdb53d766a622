/** `nemoclaw pairing …`: who asks to be let in, and the operator's answer. */
import { Command } from "commander";
import type { ListedPerson } from "../../access/index.ts";
import type { Person } from "../../store/index.ts";
import { askAccess, codeOrWho } from "../access/ask.ts";
import { nameShown } from "../access/name.ts";
import { span } from "../approvals/lines.ts";
import type { HomeOption } from "../policy/target.ts";

interface Options extends HomeOption {
  json?: boolean;
}

const home = ["--home <dir>", "home of the installation"] as const;
const json = ["--json", "as one JSON object"] as const;
const CODE = ["<code>", "the code that the person was given, or their id (telegram:12345678)"] as const;

/** The group. */
export function pairingCommand(): Command {
  const group = new Command("pairing")
    .description("people who ask to be let in: list, approve, reject")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
An unknown person who writes to the bot is given a code for 10 minutes. Whoever tells you the code is the person who wrote.

Examples:
  nemoclaw pairing list
  nemoclaw pairing approve 7k2m-x9pa
  nemoclaw pairing reject telegram:12345678`,
    );
  for (const command of [listCommand(), approveCommand(), rejectCommand()])
    group.addCommand(command.exitOverride());
  return group;
}

function listCommand(): Command {
  return new Command("list")
    .description("who waits; codes are known to them only")
    .option(...json)
    .option(...home)
    .action(async (options: Options) => {
      const answer = await askAccess<{ now: number; requests: Person[] }>(options, "pairing.list");
      if (options.json) return console.log(JSON.stringify({ requests: answer.requests }));
      if (answer.requests.length === 0) return console.log("Nobody waits to be let in.");
      for (const { identity, name, since } of answer.requests)
        console.log(`${identity}  calls itself ${nameShown(name)}  ${span(answer.now - since)} ago`);
    });
}

function approveCommand(): Command {
  return new Command("approve")
    .description("let them in")
    .argument(...CODE)
    .option(...json)
    .option(...home)
    .action(async (code: string, options: Options) => {
      const user = await askAccess<ListedPerson>(options, "pairing.approve", codeOrWho(code));
      if (options.json) return console.log(JSON.stringify({ user }));
      console.log(`✓ Let in: ${user.identity} (${nameShown(user.name)}), sandbox ${user.sandbox}`);
    });
}

function rejectCommand(): Command {
  return new Command("reject")
    .description("don't; they hear nothing for a day")
    .argument(...CODE)
    .option(...json)
    .option(...home)
    .action(async (code: string, options: Options) => {
      const user = await askAccess<Person>(options, "pairing.reject", codeOrWho(code));
      if (options.json) return console.log(JSON.stringify({ user }));
      console.log(`✓ Not let in: ${user.identity} (${nameShown(user.name)})`);
    });
}
