/** The Discord bridge as a process. */
import { type DiscordBridge, runDiscordBridge } from "../../bridges/discord/index.ts";
import { startBot } from "./bot.ts";
import type { StartService } from "./service.ts";

/** See the module's header. */
export const startDiscord: StartService = (settings, logger) => {
  const { allowedUsers, apiRoot } = settings.config.discord;
  return startBot(settings, logger, {
    platform: "discord",
    tokenHint: "take one from discord.com/developers → your application → Bot, and set DISCORD_BOT_TOKEN",
    run: (common) => runDiscordBridge({ ...common, apiRoot, allowedUsers: new Set(allowedUsers) }),
    facts: factsOf,
  });
};

/** View channels, send messages, attach files, read history, send in threads: what the bridge does, and nothing else. */
const PERMISSIONS = 0x400n + 0x800n + 0x8000n + 0x10000n + 0x4000000000n;

/** What `nemoclaw status` shows: not that a socket is open, but whether something can be heard. */
function factsOf(bridge: DiscordBridge): Record<string, string> {
  const { bot, application, state, shards, lastEventAt, problem } = bridge.status();
  const facts = {
    bot: `@${bot}`,
    invite: `https://discord.com/oauth2/authorize?client_id=${application}&scope=bot+applications.commands&permissions=${PERMISSIONS}`,
    state,
    shards: `${shards.held.length} of ${shards.total}`,
    lastEvent: lastEventAt === 0 ? "never" : new Date(lastEventAt).toISOString(),
  };
  return problem === "" ? facts : { ...facts, problem };
}
