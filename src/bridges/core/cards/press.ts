/**
 * What a button of ours says when it is pressed: `ap:<approval id>:<verb>`, `rp:<approval id>`, `rv:<rule id>`. Pure.
 * At most 64 bytes (Telegram's limit of callback_data). Clients can send any data they like: what is read here is a
 * wish, judged by others.
 */
import type { TapVerb } from "../../../store/index.ts";

/** Shape of a rule's id. */
export const RULE_ID = /^r_[a-z0-9]{20}$/;

/** A wish. */
export type Press =
  | { kind: "decide"; approvalId: string; verb: TapVerb }
  /** Post the card again, below. */
  | { kind: "repost"; approvalId: string }
  | { kind: "revoke"; ruleId: string };

const CODES: Readonly<Record<TapVerb, string>> = {
  once: "o",
  session: "s",
  always: "a",
  "always-confirmed": "y",
  back: "b",
  deny: "d",
};
/** Verb of a decision's callback data. */
export function verbOf(data: string): TapVerb | undefined {
  const press = readPress(data);
  return press?.kind === "decide" ? press.verb : undefined;
}

const VERBS = new Map(Object.entries(CODES).map(([verb, code]) => [code, verb as TapVerb]));

/** A press as callback data. */
export function pressData(press: Press): string {
  if (press.kind === "decide") return `ap:${press.approvalId}:${CODES[press.verb]}`;
  return press.kind === "repost" ? `rp:${press.approvalId}` : `rv:${press.ruleId}`;
}

/** Reads callback data; undefined for anything that is none of these. */
export function readPress(data: string): Press | undefined {
  const [, kind, id = "", code] = /^(ap|rp|rv):([ar]_[a-z0-9]{20})(?::([a-z]))?$/.exec(data) ?? [];
  if (kind === "rv" && code === undefined && id.startsWith("r_")) return { kind: "revoke", ruleId: id };
  if (!id.startsWith("a_")) return undefined;
  if (kind === "rp" && code === undefined) return { kind: "repost", approvalId: id };
  const verb = kind === "ap" && code !== undefined ? VERBS.get(code) : undefined;
  return verb && { kind: "decide", approvalId: id, verb };
}
