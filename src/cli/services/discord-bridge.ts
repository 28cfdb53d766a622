/** The Discord bridge as a process: the only one that reads the bot's token. */
import { join } from "node:path";
import { type DiscordBridge, runDiscordBridge } from "../../bridges/discord/index.ts";
import { BOT_TOKEN } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import { isDead, ownerName } from "../../lib/owner.ts";
import { pathsOf } from "../../lib/paths.ts";
import { readSecret } from "../supervisor/secrets.ts";
import { chatFiles, chatOffers } from "./chat.ts";
import type { StartService } from "./service.ts";
import { openServiceStore } from "./store.ts";

/** See the module's header. */
export const startDiscord: StartService = async (settings, logger) => {
  const token = readSecret(join(pathsOf(settings.home).secrets("discord-bridge"), BOT_TOKEN));
  if (!token) {
    throw new Fault({
      code: "discord-token-missing",
      message: "there is no Discord bot token",
      hint: "take one from discord.com/developers → your application → Bot, and set DISCORD_BOT_TOKEN",
    });
  }
  const { allowedUsers, apiRoot } = settings.config.discord;
  const { offers, take } = chatOffers(settings.config);
  const store = await openServiceStore(settings, "bridge-discord", logger);
  const bridge = runDiscordBridge({
    token,
    apiRoot,
    allowedUsers: new Set(allowedUsers),
    store,
    owner: ownerName(settings.hostId),
    isDead: (owner) => isDead(owner, settings.hostId),
    logger,
    offers,
    files: chatFiles(settings.home, settings.config),
  });
  const close = async (flushMs?: number) => {
    await bridge.close(flushMs);
    await store.close();
  };
  try {
    await bridge.ready;
  } catch (error) {
    await close(0);
    throw error;
  }
  return {
    get facts() {
      return factsOf(bridge);
    },
    reconfigure: take,
    drain: () => close(),
    leave: () => close(500),
  };
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
