/**
 * Tokens and money per principal and UTC day: held before a call, billed after it (DESIGN §2: written by the gateway).
 * Must never let a crash make a call free: a reservation without a bill becomes an estimated bill.
 */
import { z } from "zod";
import type { Connection } from "./connection.ts";
import { checked, timeOf } from "./json.ts";
import { keys } from "./keys.ts";
import type { UsagePort } from "./ports.ts";

/** Longer than any model call may take (timeouts.ts: modelTotal and its retries). */
const STALE_MS = 30 * 60_000;
const KEEP_MS = 400 * 86_400_000;
const Reserved = z.union([
  z.tuple([z.literal("ok")]),
  z.tuple([z.literal("denied"), z.enum(["tokens", "micros"]), z.number(), z.number()]),
]);
const whole = (value: number) => Math.max(0, Math.ceil(value));

/** Usage of all principals. */
export function usage(connection: Connection): UsagePort {
  const p = keys.principal;
  return {
    async reserve(principal, { id, tokens, micros }, budget) {
      const reply = await connection.run(
        "reserve",
        [p.usage(principal), p.reserved(principal)],
        [id, whole(tokens), whole(micros), budget.tokens ?? -1, budget.micros ?? -1, STALE_MS],
      );
      const [kind, reason, used, limit] = checked(Reserved, reply, "reservation");
      return kind === "ok"
        ? { kind }
        : { kind, reason: reason ?? "tokens", used: used ?? 0, limit: limit ?? 0 };
    },

    async settle(principal, id, used) {
      await connection.run(
        "bill",
        [p.usage(principal), p.reserved(principal)],
        [
          id,
          used.model,
          whole(used.input),
          whole(used.output),
          whole(used.micros),
          used.estimated ? 1 : 0,
          KEEP_MS,
        ],
      );
    },

    async day(principal, day) {
      const on = day ?? new Date(await now()).toISOString().slice(0, 10);
      const fields = ["input", "output", "micros", "calls"].map((name) => `${on}:${name}`);
      const [input, output, micros, calls] = await connection.command((r) =>
        r.hmget(p.usage(principal), ...fields),
      );
      return {
        input: Number(input ?? 0),
        output: Number(output ?? 0),
        micros: Number(micros ?? 0),
        calls: Number(calls ?? 0),
      };
    },
  };

  async function now(): Promise<number> {
    return timeOf(await connection.command((r) => r.time() as Promise<unknown>));
  }
}
