/** What `nemoclaw start` is told. */

/** Options as commander reads them. */
export interface StartOptions {
  once?: string;
  prompt: boolean;
  detach?: boolean;
  background?: boolean;
  home?: string;
  port?: string;
  driver?: string;
  alone?: boolean;
}

/** Services that may be named: what each needs must be there. */
export const NAMED: readonly string[] = ["telegram-bridge", "discord-bridge", "console"];

/** Processes that nobody would start by name but alone. */
export const INNER: readonly string[] = ["launcher", "access", "gateway", "worker"];
