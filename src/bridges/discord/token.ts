/** What the token and Discord's first answers tell: who the bot is, what it may do, how many shards it needs. */
import { Routes } from "discord.js";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";
import type { DiscordApi } from "./api.ts";

/** `GATEWAY_MESSAGE_CONTENT` and, below 100 guilds, `GATEWAY_MESSAGE_CONTENT_LIMITED`. */
const MESSAGE_CONTENT = (1 << 18) | (1 << 19);

/** The bot's user id: the first part of the token in base64. Throws Fault `discord-token-invalid` for another shape. */
export function userIdOf(token: string): string {
  const [first = "", ...rest] = token.split(".");
  const id = Buffer.from(first, "base64").toString("utf8");
  if (rest.length !== 2 || rest.some((part) => part.length < 4) || !/^\d{1,20}$/.test(id) || /\s/.test(token))
    throw invalidToken("DISCORD_BOT_TOKEN does not look like a bot token");
  return id;
}

/** Whether the privileged intent is switched on for the application. */
export function hasMessageContent(flags: number): boolean {
  return (flags & MESSAGE_CONTENT) !== 0;
}

/** The operator has to switch the intent on. */
export function intentMissing(): Fault {
  return new Fault({
    code: "discord-intent-missing",
    message:
      "the Discord bot lacks the Message Content intent: it could not read what people write in servers",
    hint: "discord.com/developers → your application → Bot → Privileged Gateway Intents → Message Content, then start again",
  });
}

/** The operator has to give another token. */
export function invalidToken(why: string): Fault {
  return new Fault({
    code: "discord-token-invalid",
    message: why.startsWith("DISCORD") ? why : `Discord refused the bot token (${why})`,
    hint: "take the token from discord.com/developers → your application → Bot, and set DISCORD_BOT_TOKEN; without Discord: remove secrets/discord-bridge/bot-token from the home",
  });
}

const Plan = z.looseObject({
  shards: z.number().int().min(1).max(10_000),
  session_start_limit: z.looseObject({ max_concurrency: z.number().int().min(1).default(1) }),
});

/** How many shards Discord recommends, and how many may identify at once. */
export async function gatewayPlan({ rest }: DiscordApi): Promise<{ total: number; concurrency: number }> {
  const { shards, session_start_limit: limit } = Plan.parse(await rest.get(Routes.gatewayBot()));
  return { total: shards, concurrency: limit.max_concurrency };
}
