/**
 * Who may talk to the agent, and whose agent it is: decided by numeric platform ids.
 * Closed when nothing is set. Must never look at user names: they change hands.
 */
import { Fault } from "../../lib/errors.ts";

/** Where something was said or pressed. */
export type Place =
  | { kind: "private" }
  /** A Telegram group, a guild's channel or thread. `addressed`: it mentions the bot or answers one of its messages. */
  | {
      kind: "group";
      id: string;
      name: string;
      addressed: boolean;
      /** Of a channel or thread: its guild, which is allowed as a whole. */
      within?: string;
    };

/** What somebody may do beside chatting (`user`): decide for a group (`approver`), let others in (`admin`). */
export type Role = "user" | "approver" | "admin";

/** Who spoke and where: all that admission is decided by. */
export interface Visitor {
  platform: string;
  /** The conversation's id: a group's principal may be bound to it. */
  conversation: string;
  sender: { id: string; name: string };
  place: Place;
}

/** What admission says. */
export type Admission =
  /** Let in; `principal` owns the sandbox that is spoken to: the person's own, or the group's. */
  | {
      kind: "admitted";
      principal: string;
      roles: ReadonlySet<Role>;
      /** How the conversation is called here, where that isn't how the platform calls it: the group moved. */
      conversation?: string;
    }
  /** Not let in. `closed`: nobody is yet. */
  | { kind: "stranger"; reason: "closed" | "not-listed" }
  /** No answer at all: another group's talk, or a message that isn't for the bot. */
  | { kind: "ignored"; reason: string };

/** Decides for one visitor. Rejects only when the store does: then nothing may be accepted. */
export type Admit = (visitor: Visitor) => Promise<Admission>;

/** Lets in whom a list names, in private chats only; each has a sandbox of their own. */
export function admitListed(allowed: AllowList, principalFor: (identity: string) => string): Admit {
  return async ({ sender, place }) => {
    if (place.kind === "group") return { kind: "ignored", reason: "not a private chat" };
    const decision = decideAccess(sender.id, allowed);
    if (decision.kind === "stranger") return decision;
    return { kind: "admitted", principal: principalFor(sender.id), roles: new Set(["user"]) };
  };
}

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
    if (!/^[1-9][0-9]{0,19}$/.test(item)) {
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
