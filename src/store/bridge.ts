/**
 * Small facts of a bridge: who polls the platform, how full Redis is, which strangers knocked, updates that wait
 * behind many others. How far a platform was read is not among them: Telegram itself keeps it, and a write for each message
 * would slow them all.
 */

import type { BridgePort } from "./bridge-port.ts";
import type { Connection } from "./connection.ts";
import { keys } from "./keys.ts";

/** A stranger is told how to be let in at most this often. */
const QUIET_MS = 3_600_000;
const MOST_STRANGERS = 10_000;

/** The facts of one bridge. */
export function bridge(connection: Connection, id: string): BridgePort {
  const k = keys.bridge;
  return {
    async holdPoller(owner, ttlMs, deadOwner = "") {
      const reply = await connection.run(
        "lease",
        [k.poller(id)],
        [owner, Math.max(1, Math.round(ttlMs)), deadOwner],
      );
      return String(reply);
    },
    async releasePoller(owner) {
      await connection.run("lease", [k.poller(id)], [owner, 0, ""]);
    },
    async memoryUse() {
      const info = await connection.command((r) => r.info("memory"));
      const figure = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
      const most = figure("maxmemory");
      return most === 0 ? 0 : figure("used_memory") / most;
    },
    async strangerKnocked(identity, quietMs = QUIET_MS) {
      return (
        (await connection.run(
          "stranger",
          [k.strangers(id)],
          [identity.slice(0, 64), quietMs, MOST_STRANGERS],
        )) === 1
      );
    },
    async keepUpdates(updates) {
      await connection.command((r) => r.hset(k.kept(id), new Map(updates)));
    },
    async dropUpdates(ids) {
      await connection.command((r) => r.hdel(k.kept(id), ...ids.map(String)));
    },
    async keptUpdates() {
      const kept = await connection.command((r) => r.hgetall(k.kept(id)));
      return Object.entries(kept)
        .sort(([a], [b]) => Number(a) - Number(b))
        .map(([, json]) => json);
    },
  };
}
