/**
 * Is the Telegram bot's token alive, and does nobody else fetch its messages? While our own bridge polls, it is the one
 * that sees a second poller; a question of ours would only disturb it.
 */
import { join } from "node:path";
import { z } from "zod";
import { BOT_TOKEN } from "../../lib/config.ts";
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import { readSecret } from "../supervisor/secrets.ts";
import type { Examined } from "./examined.ts";
import { lastLog } from "./log-tail.ts";

/** A second poller comes back within its own pause after a 409: as long as we hold a poll to see it. Seconds. */
const POLL_SECONDS = 4;
const RECENT_MS = 10 * 60_000;

const Reply = z.object({
  ok: z.boolean(),
  description: z.string().optional(),
  result: z
    .looseObject({ username: z.string().optional(), url: z.string().optional() })
    .or(z.array(z.unknown()))
    .optional(),
});

/** Nothing to say where there is no bot. */
export async function checkTelegram(examined: Examined): Promise<Finding[]> {
  const { env, paths, config, service } = examined;
  const token =
    env["TELEGRAM_BOT_TOKEN"]?.trim() || readSecret(join(paths.secrets("telegram-bridge"), BOT_TOKEN));
  if (token === undefined || !config) return [];
  const name = "telegram token";
  const root = `${config.telegram.apiRoot}/bot${token}`;
  const me = await examined.outside.get(`${root}/getMe`);
  if (me.kind === "unreachable")
    return [
      fail(
        name,
        `${new URL(config.telegram.apiRoot).host} can't be reached: ${me.why}`,
        "check this machine's network, proxy and DNS",
      ),
    ];
  const reply = Reply.safeParse(me.body).data;
  if (me.status === 401 || me.status === 404)
    return [
      fail(
        name,
        `Telegram refuses the bot's token (${me.status})`,
        "get the present one from @BotFather (/mybots, API Token), then: TELEGRAM_BOT_TOKEN=… nemoclaw start",
      ),
    ];
  if (!reply?.ok) return [warn(name, `Telegram answers ${me.status}`, "try again in a minute")];
  const bot = !Array.isArray(reply.result) && reply.result?.username;
  const polling = service?.services.some((one) => one.name === "telegram-bridge");
  return [
    ok(name, `@${bot || "?"}`),
    polling ? pollersFromLog(examined) : await pollersFromTelegram(examined, root),
  ];
}

const SECOND = "another program fetches this bot's messages, so each sees only some of them";
const SECOND_FIX =
  "find and stop it (another nemoclaw, a webhook, an old script); or revoke the token at @BotFather and use the new one here only";

function pollersFromLog({ paths }: Examined): Finding {
  const name = "telegram poller";
  const conflict = lastLog(
    paths.logs,
    ({ process, msg }) => process === "telegram-bridge" && /polls this bot \(409\)/.test(msg),
  );
  const age = conflict ? Date.now() - Date.parse(conflict.time) : Number.POSITIVE_INFINITY;
  return age < RECENT_MS
    ? fail(name, `${SECOND} (Telegram said 409 ${Math.round(age / 1_000)} s ago)`, SECOND_FIX)
    : ok(name, "only ours");
}

async function pollersFromTelegram({ outside }: Examined, root: string): Promise<Finding> {
  const name = "telegram poller";
  const hook = await outside.get(`${root}/getWebhookInfo`);
  const info = hook.kind === "answered" ? Reply.safeParse(hook.body).data?.result : undefined;
  const url = info && !Array.isArray(info) ? info.url : undefined;
  if (url)
    return fail(
      name,
      `a webhook is set (${new URL(url).host}): nothing can be fetched`,
      "nemoclaw start removes it, if it isn't another program's that you need",
    );
  // Without an offset nothing is confirmed: whatever comes is there for the bridge too (Bot API "getUpdates").
  const limitMs = (POLL_SECONDS + 4) * 1_000;
  const poll = await outside.get(`${root}/getUpdates?limit=1&timeout=${POLL_SECONDS}`, {}, limitMs);
  if (poll.kind === "answered" && poll.status === 409) return fail(name, `${SECOND} (409)`, SECOND_FIX);
  return ok(name, "nobody else fetches");
}
