/** The Telegram bridge (grammY is imported in this folder only). */
export {
  runTelegramBridge,
  type TelegramBridge,
  type TelegramOptions,
  type TelegramStatus,
} from "./bridge.ts";
export type { WebhookOptions } from "./webhook.ts";
