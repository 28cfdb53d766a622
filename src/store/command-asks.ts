/**
 * OpenClaw's questions before commands, on their way from the worker to the gateway, which puts them on cards. One hash
 * per principal, written by workers and read by gateways; the outcome is the approval record of the same id.
 */
import { CommandAsk } from "./approval-records.ts";
import type { Connection } from "./connection.ts";
import { parsed, toJson } from "./json.ts";
import { channels, keys } from "./keys.ts";
import type { CommandAskPort } from "./ports.ts";

/** What a dead worker left is forgotten after this time; no question lives longer. */
const LIFE_MS = 3_600_000;

/** Questions of all principals. */
export function commandAsks(connection: Connection): CommandAskPort {
  const key = keys.principal.asks;
  return {
    async put(principal, ask) {
      await connection.command((r) => r.hset(key(principal), { [ask.approvalId]: toJson({ v: 1, ...ask }) }));
      await connection.command((r) => r.pexpire(key(principal), LIFE_MS));
      connection.publish(channels.asks, principal);
    },

    remind: (principal) => void connection.publish(channels.asks, principal),

    async withdraw(principal, approvalId) {
      await connection.command((r) => r.hdel(key(principal), approvalId));
      connection.publish(channels.asks, principal);
    },

    async list(principal) {
      const all = await connection.command((r) => r.hgetall(key(principal)));
      return Object.values(all).map((json) => parsed(CommandAsk, json, "command"));
    },

    onAsk: (listener) => connection.subscribe(channels.asks, listener),
  };
}
