/**
 * What a change of settings needs, per key (RELIABILITY §6): the table behind `nemoclaw reload` and docs/configuration.md.
 * Pure.
 */
import { isDeepStrictEqual } from "node:util";
import type { Settings } from "./installation.ts";
import { BOT_TOKENS, type BotName } from "./secrets.ts";
import type { ServiceName } from "./users.ts";

/** How a change takes effect. */
export type Effect =
  /** At once: new model calls, new agents, new log lines. */
  | "live"
  /** That process is restarted in order; agents and accepted messages stay. */
  | ServiceName
  /** `nemoclaw stop` and `start`. */
  | "start";

/** Prefix of a setting's path → effect; the longest that fits counts. `test/cli/reload.test.ts`
 * knows that all are here. */
export const EFFECTS: Readonly<Record<string, Effect>> = {
  redis: "start",
  sandbox: "start",
  sandboxes: "live",
  defaultSandbox: "live",
  telegram: "telegram-bridge",
  discord: "discord-bridge",
  console: "console",
  files: "start",
  "limits.messagesPerMinute": "live",
  "limits.runningTurns": "worker",
  log: "live",
  inference: "live",
  egress: "gateway",
  worker: "worker",
};

/** What is to be done, and why. */
export interface ReloadPlan {
  /** Paths that differ, e.g. `inference.default.model`. */
  changed: string[];
  /** Processes to restart; a bridge that had no token before is started. */
  restart: ServiceName[];
  /** Paths that wait for the next start. */
  waits: string[];
}

/** Compares two states of the settings. */
export function planReload(before: Settings, after: Settings): ReloadPlan {
  const changed = differences(before.config, after.config, []);
  const effects = changed.map((path) => ({ path, effect: effectOf(path) }));
  const restart = new Set(
    effects.flatMap(({ effect }) => (effect === "live" || effect === "start" ? [] : [effect])),
  );
  for (const bot of Object.keys(BOT_TOKENS) as BotName[]) {
    if (!after.bots.includes(bot)) restart.delete(bot);
    else if (!before.bots.includes(bot)) restart.add(bot);
  }
  return {
    changed,
    restart: [...restart],
    waits: effects.filter(({ effect }) => effect === "start").map(({ path }) => path),
  };
}

/** The effect of one setting. */
function effectOf(path: string): Effect {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    const effect = EFFECTS[at];
    if (effect) return effect;
  }
  return "start";
}

/** Paths of the leaves that differ. Lists are leaves. */
function differences(before: unknown, after: unknown, path: string[]): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap(before) || !isMap(after)) return [path.join(".")];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => differences(before[key], after[key], [...path, key]));
}
