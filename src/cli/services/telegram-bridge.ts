/** The Telegram bridge as a process. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTelegramBridge, type WebhookOptions } from "../../bridges/telegram/index.ts";
import type { Config } from "../../lib/config.ts";
import { pathsOf } from "../../lib/paths.ts";
import { readSecret } from "../supervisor/secrets.ts";
import { startBot } from "./bot.ts";
import type { StartService } from "./service.ts";

/** See the module's header. */
export const startTelegram: StartService = (settings, logger) => {
  const { allowedUsers, apiRoot, webhook } = settings.config.telegram;
  const secrets = pathsOf(settings.home).secrets("telegram-bridge");
  return startBot(settings, logger, {
    platform: "telegram",
    tokenHint: "get one from @BotFather and set TELEGRAM_BOT_TOKEN",
    run: (common) =>
      runTelegramBridge({
        ...{ ...common, apiRoot, allowedUsers: new Set(allowedUsers) },
        ...(webhook ? { webhook: webhookOf(webhook, secrets) } : {}),
      }),
    facts: (bridge) => ({ bot: `@${bridge.status().bot}` }),
  });
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
