/** The control side over HTTP. Same names as {@link FakeBot}. */
import { type Controls, controlsAt } from "../common/control-client.ts";
import type { FakeBot } from "./bot.ts";
import type { CONTROLS } from "./server.ts";

type Names = (typeof CONTROLS)[number];
/** Each control as an async function. */
export type ControlClient = Controls<FakeBot, Names>;

/** Controls the fake that listens at `url`. */
export const controlClient = (url: string): ControlClient => controlsAt<FakeBot, Names>(url);
