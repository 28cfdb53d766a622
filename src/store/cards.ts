/**
 * Bridge side of approvals: which cards need posting or editing, what was posted, and taps on their way to the gateway.
 * Reads records of any principal and writes none: its ACL user couldn't.
 */
import { CardMessage, RuleRecord, Tap, TapOutcome } from "./approval-records.ts";
import { cardWake, recordOf, recordsOf } from "./approvals.ts";
import type { Connection } from "./connection.ts";
import { checked, parsed, toJson } from "./json.ts";
import { channels, keys } from "./keys.ts";
import { markCall, pager, unmark } from "./marks.ts";
import type { CardPort } from "./ports.ts";

/** How long a tap waits for what becomes of it. */
const ANSWER_MS = 2_000;
/** Taps of one principal that may wait for its gateway. */
const MAX_TAPS = 100;

const nameOf = (principal: string, approvalId: string) => `${principal}/${approvalId}`;
const partsOf = (name: string): { principal: string; approvalId: string } => {
  const [principal = "", approvalId = ""] = name.split("/");
  return { principal, approvalId };
};

/** Cards of one bridge. */
export function cards(connection: Connection, bridge: string): CardPort {
  const p = keys.principal;
  const k = keys.bridge;
  const [platform = bridge] = bridge.split(".");
  const wake = cardWake(bridge);
  const page = pager(connection, wake);
  const waiting = new Map<string, (outcome: TapOutcome) => void>();
  let listening: Promise<unknown> | undefined;

  return {
    async dirty(limit) {
      return (await page(limit)).map(({ conversation, mark }) => ({ ...partsOf(conversation), mark }));
    },

    clean: (principal, approvalId, mark) => unmark(connection, wake, nameOf(principal, approvalId), mark),

    async mark(principal, approvalId) {
      await connection.run(...markCall(wake, nameOf(principal, approvalId)));
    },

    async get(principal, approvalId) {
      const [fixed, changing] = await connection.command((r) =>
        r.hmget(p.approvals(principal), approvalId, `${approvalId}:m`),
      );
      return typeof fixed === "string" && typeof changing === "string"
        ? recordOf(fixed, changing)
        : undefined;
    },

    async open(principal) {
      const all = await connection.command((r) => r.hgetall(p.approvals(principal)));
      return recordsOf(all).filter((record) => record.state === "pending");
    },

    async rules(principal) {
      const all = await connection.command((r) => r.hgetall(p.rules(principal)));
      return Object.values(all)
        .map((json) => parsed(RuleRecord, json, "rule"))
        .sort((a, b) => a.createdAt - b.createdAt);
    },

    async message(approvalId) {
      const json = await connection.command((r) => r.hget(k.cardMessages(bridge), approvalId));
      return json === null ? undefined : parsed(CardMessage, json, "card");
    },

    async setMessage(approvalId, message) {
      const json = toJson(checked(CardMessage, message, "card"));
      await connection.command((r) => r.hset(k.cardMessages(bridge), approvalId, json));
    },

    async forgetMessage(approvalId) {
      await connection.command((r) => r.hdel(k.cardMessages(bridge), approvalId));
    },

    async tap(principal, tap) {
      // Subscribed with the first tap and for good: an answer must not be missed.
      listening ??= connection.subscribe(channels.tapped(bridge), (json) => {
        const outcome = parsed(TapOutcome, json, "tap outcome");
        waiting.get(outcome.tapId)?.(outcome);
      });
      await listening;
      const busy: TapOutcome = { tapId: tap.tapId, kind: "busy" };
      const answer = new Promise<TapOutcome>((resolve) => {
        const timer = setTimeout(resolve, ANSWER_MS, busy);
        waiting.set(tap.tapId, (outcome) => {
          clearTimeout(timer);
          resolve(outcome);
        });
      });
      try {
        const json = toJson(checked(Tap, tap, "tap"));
        const stored = await connection.run(
          "tap",
          [p.taps(principal, platform)],
          [json, channels.taps, principal, MAX_TAPS],
        );
        return stored === 1 ? await answer : busy;
      } finally {
        waiting.delete(tap.tapId);
      }
    },

    onCardHint: (listener) =>
      connection.subscribe(channels.cards(bridge), (name) => {
        const { principal, approvalId } = partsOf(name);
        listener(principal, approvalId);
      }),
  };
}
