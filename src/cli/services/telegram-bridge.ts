/** The Telegram bridge as a process: the only one that reads the bot's token. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTelegramBridge, type WebhookOptions } from "../../bridges/telegram/index.ts";
import { BOT_TOKEN, type Config } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import { isDead, ownerName } from "../../lib/owner.ts";
import { pathsOf } from "../../lib/paths.ts";
import { readSecret } from "../supervisor/secrets.ts";
import { chatFiles, chatOffers } from "./chat.ts";
import type { StartService } from "./service.ts";
import { openServiceStore } from "./store.ts";

/** See the module's header. */
export const startTelegram: StartService = async (settings, logger) => {
  const token = readSecret(join(pathsOf(settings.home).secrets("telegram-bridge"), BOT_TOKEN));
  if (!token) {
    throw new Fault({
      code: "telegram-token-missing",
      message: "there is no Telegram bot token",
      hint: "get one from @BotFather and set TELEGRAM_BOT_TOKEN",
    });
  }
  const { allowedUsers, apiRoot, webhook } = settings.config.telegram;
  const { offers, take } = chatOffers(settings.config);
  const store = await openServiceStore(settings, "bridge-telegram", logger);
  const bridge = runTelegramBridge({
    token,
    apiRoot,
    allowedUsers: new Set(allowedUsers),
    store,
    owner: ownerName(settings.hostId),
    isDead: (owner) => isDead(owner, settings.hostId),
    logger,
    offers,
    files: chatFiles(settings.home, settings.config),
    ...(webhook ? { webhook: webhookOf(webhook, pathsOf(settings.home).secrets("telegram-bridge")) } : {}),
  });
  const close = async (flushMs?: number) => {
    await bridge.close(flushMs);
    await store.close();
  };
  await bridge.ready;
  return {
    facts: { bot: `@${bridge.status().bot}` },
    reconfigure: take,
    drain: () => close(),
    leave: () => close(500),
  };
};

type WebhookConfig = NonNullable<Config["telegram"]["webhook"]>;

/** With its secret, which is made once and kept in a file of this process alone. */
function webhookOf({ path, ...rest }: WebhookConfig, secretsDir: string): WebhookOptions {
  const file = join(secretsDir, "webhook-secret");
  let secret = readSecret(file);
  if (!secret) {
    secret = randomBytes(32).toString("base64url");
    writeFileSync(file, `${secret}\n`, { mode: 0o600, flush: true });
  }
  return { ...rest, path: path ?? new URL(rest.url).pathname, secret };
}
