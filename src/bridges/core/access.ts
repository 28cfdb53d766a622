/**
 * Who may talk to the agent: a pure decision over numeric platform ids.
 * Closed when nothing is set. Must never look at user names: they change hands.
 */
import { Fault } from "../../lib/errors.ts";

/** A decision that carries its reason. */
export type AccessDecision =
  | { kind: "allowed" }
  /** `closed`: nobody is let in yet; `not-listed`: others are. */
  | { kind: "stranger"; reason: "closed" | "not-listed" };

/** Numeric ids that are let in. */
export type AllowList = ReadonlySet<string>;

/**
 * Reads `TELEGRAM_ALLOWED_USERS`: numeric ids between commas or white space; empty or unset means nobody.
 * Throws Fault `allowlist-invalid` for anything else, so that a typing error can't open or quietly close a door.
 */
export function parseAllowList(value: string | undefined, setting: string): AllowList {
  const items = (value ?? "").split(/[\s,]+/).filter(Boolean);
  for (const item of items) {
    if (!/^[1-9][0-9]{0,15}$/.test(item)) {
      throw new Fault({
        code: "allowlist-invalid",
        message: `${setting} holds "${item.slice(0, 40)}", which is no numeric user id`,
        hint: "use numeric ids, comma-separated; a stranger who writes to the bot is told theirs",
      });
    }
  }
  return new Set(items);
}

/** Decides for one identity. */
export function decideAccess(identity: string, allowed: AllowList): AccessDecision {
  if (allowed.has(identity)) return { kind: "allowed" };
  return { kind: "stranger", reason: allowed.size === 0 ? "closed" : "not-listed" };
}
