/**
 * Which turns a sandbox has now: written by the worker, read by the gateway, which learns nothing else of chats.
 */
import type { Connection } from "./connection.ts";
import { parsed, timeOf, toJson } from "./json.ts";
import { channels, keys } from "./keys.ts";
import type { TurnContextPort } from "./ports.ts";
import { TurnContext } from "./records.ts";

/** Turn contexts of all principals. */
export function contexts(connection: Connection): TurnContextPort {
  const key = keys.principal.turns;
  return {
    async begin(principal, context, ttlMs) {
      const open = toJson({ v: 1, ...context }).slice(0, -1);
      await connection.run("begin_context", [key(principal)], [context.turnId, open, Math.round(ttlMs)]);
    },

    tool(principal, turnId, line) {
      connection.publish(channels.tools, toJson({ principal, turnId, line }));
    },

    async end(principal, turnId) {
      await connection.command((r) => r.hdel(key(principal), turnId));
    },

    async current(principal) {
      // Plain reads, since the gateway's user may not write here (a script's keys count as written).
      const [all, time] = await Promise.all([
        connection.command((r) => r.hgetall(key(principal))),
        connection.command((r): Promise<unknown> => r.time()),
      ]);
      const now = timeOf(time);
      return Object.values(all)
        .map((json) => parsed(TurnContext, json, "turn context"))
        .filter((context) => context.expiresAt > now)
        .sort((a, b) => Number(b["beganAt"]) - Number(a["beganAt"]));
    },
  };
}
