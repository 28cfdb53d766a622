/** The console bridge and its client. */
export { type ConsoleBridge, type ConsoleOptions, runConsoleBridge } from "./bridge.ts";
export { type AskOptions, type AskResult, type ConsoleClient, consoleClient } from "./client.ts";
export type { CardEvent, ConsoleEvent, SendResponse } from "./events.ts";
