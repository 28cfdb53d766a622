/** The Discord bridge (discord.js is imported in this folder only). */
export {
  type DiscordBridge,
  type DiscordOptions,
  type DiscordStatus,
  runDiscordBridge,
} from "./bridge.ts";
