/** How the operator's commands ask the access component of a home. */
import { adminCall } from "../../lib/admin/client.ts";
import { hashOfCode, newCode } from "../../lib/codes.ts";
import { describeError, Fault } from "../../lib/errors.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import type { HomeOption } from "../policy/target.ts";

/** @throws Fault `service-not-running`, and every Fault of the method. */
export function askAccess<T>(options: HomeOption, method: string, params: object = {}): Promise<T> {
  const { accessSocket } = pathsOf(options.home ?? homeFrom(process.env));
  return adminCall<T>(accessSocket, method, params, { who: "the access component" });
}

/** What a command was told about somebody who waits: a pairing code goes on as its hash, else it must be an id. */
export function codeOrWho(typed: string): { code: string } | { who: string } {
  if (/^([a-z]{2,16}:)?[0-9]{1,20}$/.test(typed) && (typed.includes(":") || !/^[0-9]{8}$/.test(typed)))
    return { who: typed };
  const code = hashOfCode("pairing", typed);
  if (code !== undefined) return { code };
  throw new Fault({
    code: "usage",
    message: `"${typed.slice(0, 40)}" is neither a pairing code nor an id`,
    hint: "a code looks like 7k2m-x9pa, an id like telegram:12345678; nemoclaw pairing list shows who waits",
  });
}

/**
 * A fresh claim code for the operator's terminal: whoever sends it to a bot within an hour becomes admin there. Older
 * ones count no more. Must be shown on a terminal only, never logged.
 */
export async function freshClaimCode(options: HomeOption): Promise<{ code: string; expiresAt: number }> {
  const code = newCode("claim");
  const { expiresAt } = await askAccess<{ expiresAt: number }>(options, "users.claim", {
    code: hashOfCode("claim", code),
  });
  return { code, expiresAt };
}

/** A bot that runs, as `status` tells of it. */
interface RunningBot {
  name: string;
  facts: Record<string, string>;
}

/**
 * What the operator is told at the end of a start: while no bot has an admin, how to become it. With the code only where
 * these lines go to a terminal (`terminal`): it must not reach a file or a service manager's log.
 */
export async function howToClaim(
  options: HomeOption,
  bots: readonly RunningBot[],
  terminal: boolean,
): Promise<string[]> {
  if (bots.length === 0) return [];
  try {
    const { admins } = await askAccess<{ admins: string[] }>(options, "users.admins");
    if (admins.length > 0) return [];
    if (!terminal)
      return ["The bot has no admin yet: nemoclaw users claim, in a terminal, shows how to become it"];
    const { code } = await freshClaimCode(options);
    return claimLines(code, bots.find(({ name }) => name === "telegram-bridge")?.facts["bot"]);
  } catch (error) {
    return [`! Whether the bot has an admin isn't known: ${describeError(error)} (nemoclaw users claim)`];
  }
}

/** Lines for the terminal that tell the operator what to do with the code; `bot` as @name, where known. */
export function claimLines(code: string, bot?: string): string[] {
  const link = bot === undefined ? undefined : `https://t.me/${bot.replace(/^@/, "")}?start=${code}`;
  return [
    "The bot has no admin yet. To become the admin, send it this in a private chat within an hour:",
    `  /claim ${code}`,
    ...(link === undefined ? [] : [`or open ${link}`]),
  ];
}
