/**
 * A strict fake of the Telegram Bot API with a control side to act as users and to read what they see.
 * Its rules are those of docs and observation; each has a test in test/fakes/telegram/.
 */
export type { Call, FakeBot, SeenMessage } from "./bot.ts";
export { type ControlClient, controlClient } from "./control-client.ts";
export type { Fault, FaultKind } from "./faults.ts";
export { type FakeOptions, type FakeTelegram, startFakeTelegram } from "./server.ts";
