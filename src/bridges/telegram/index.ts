/** The Telegram bridge (grammY is imported in this folder only). */
export {
  botIdOf,
  runTelegramBridge,
  type TelegramBridge,
  type TelegramOptions,
  type TelegramStatus,
} from "./bridge.ts";
export { bridgeIdOf } from "./inbound.ts";
