/** Is the Discord bot's token alive, and may the bot read what people write? */
import { join } from "node:path";
import { z } from "zod";
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import { BOT_TOKENS, readSecret } from "../supervisor/secrets.ts";
import type { Examined } from "./examined.ts";

const Me = z.object({ username: z.string() });
const Application = z.object({ flags: z.number().int().default(0) });

/** Application flags GATEWAY_MESSAGE_CONTENT and …_LIMITED (API v10, "Application Flags"). */
const MESSAGE_CONTENT = (1 << 18) | (1 << 19);

/** Nothing to say where there is no bot. */
export async function checkDiscord({ env, paths, config, outside }: Examined): Promise<Finding[]> {
  const { variable, file } = BOT_TOKENS["discord-bridge"];
  const token = env[variable]?.trim() || readSecret(join(paths.secrets("discord-bridge"), file));
  if (token === undefined || !config) return [];
  const name = "discord token";
  const root = `${config.discord.apiRoot.replace(/\/+$/, "")}/v10`;
  const headers = { authorization: `Bot ${token}`, "user-agent": "DiscordBot (nemoclaw-bridge, 1)" };
  const me = await outside.get(`${root}/users/@me`, headers);
  if (me.kind === "unreachable")
    return [
      fail(
        name,
        `${new URL(root).host} can't be reached: ${me.why}`,
        "check this machine's network, proxy and DNS",
      ),
    ];
  if (me.status === 401 || me.status === 403)
    return [
      fail(
        name,
        `Discord refuses the bot's token (${me.status})`,
        `reset it at discord.com/developers/applications (Bot, Reset Token), then: ${variable}=… nemoclaw start`,
      ),
    ];
  const who = Me.safeParse(me.body).data;
  if (!who) return [warn(name, `Discord answers ${me.status}`, "try again in a minute")];
  const application = await outside.get(`${root}/applications/@me`, headers);
  const flags =
    application.kind === "answered" ? Application.safeParse(application.body).data?.flags : undefined;
  return [ok(name, who.username), ...(flags === undefined ? [] : [intents(flags)])];
}

function intents(flags: number): Finding {
  const name = "discord intents";
  return (flags & MESSAGE_CONTENT) !== 0
    ? ok(name, "may read what people write")
    : fail(
        name,
        "the bot may not read what people write",
        "switch on Message Content Intent at discord.com/developers/applications (Bot), then restart",
      );
}
