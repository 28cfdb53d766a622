/**
 * A strict fake of Discord's gateway and REST API v10 with a control side to act as people and to read what they see.
 * Its rules are those of docs and observation, plus this project's own; each has a test in test/fakes/discord/.
 */
export type { Call, FakeBot, ShownMessage } from "./bot.ts";
export { type ControlClient, controlClient } from "./control-client.ts";
export type { Fault, FaultKind } from "./faults.ts";
export { type FakeDiscord, type FakeOptions, startFakeDiscord } from "./server.ts";
