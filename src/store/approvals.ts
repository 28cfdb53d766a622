/**
 * Gateway side of approvals (DESIGN §6): one record and one state machine in the principal's slot; each transition is
 * one script, and the card's mark travels with it. Times are Redis TIME. Must never be opened with a bridge's rights.
 */
import { z } from "zod";
import { PLATFORMS } from "./acl.ts";
import {
  ApprovalRecord,
  CardMessage,
  GrantRecord,
  RuleRecord,
  Tap,
  type TapOutcome,
} from "./approval-records.ts";
import type { Call, Connection } from "./connection.ts";
import { checked, parsed, timeOf, toJson } from "./json.ts";
import { channels, keys } from "./keys.ts";
import { markCall, unmark, type WakeSet } from "./marks.ts";
import type { ApprovalPort } from "./ports.ts";

/** Records of one principal that are kept; older ones that are no longer pending make room. */
const KEPT = 300;

const Pair = z.union([z.tuple([z.string(), z.string()]), z.tuple([])]);
const Opened = z.union([
  z.tuple([z.enum(["opened", "joined", "denied"]), z.string(), z.string()]),
  z.tuple([z.literal("busy"), z.number()]),
]);
const Decided = z.union([z.tuple([z.number(), z.string(), z.string()]), z.tuple([])]);
const Fixed = z.looseObject({});
const ToolLine = z.object({ principal: z.string(), turnId: z.string(), line: z.string() });

/** The cards of a bridge that may need posting or editing. */
export const cardWake = (bridge: string): WakeSet => ({
  set: keys.bridge.cards(bridge),
  counter: keys.bridge.cardMarks(bridge),
  hint: channels.cards(bridge),
});

/** A record from its two fields. */
export function recordOf(fixed: string, changing: string): ApprovalRecord {
  return checked(
    ApprovalRecord,
    { ...parsed(Fixed, fixed, "approval"), ...parsed(Fixed, changing, "approval") },
    "approval",
  );
}

/** All records of a principal, oldest first, from its hash. */
export function recordsOf(all: Record<string, string>): ApprovalRecord[] {
  return Object.entries(all)
    .flatMap(([field, fixed]) => {
      const changing = field.includes(":") ? undefined : all[`${field}:m`];
      return changing === undefined ? [] : [recordOf(fixed, changing)];
    })
    .sort((a, b) => a.createdAt - b.createdAt);
}

/** What can't be read can't be obeyed, and must not stand in the way of the next one. */
function readTap(json: string): Tap | undefined {
  try {
    return parsed(Tap, json, "tap");
  } catch {
    return undefined;
  }
}

/** JSON of a record that a script completes: without its closing brace. */
const unclosed = (value: object) => toJson(value).slice(0, -1);

/** Approvals of all principals, for the gateway of one host. */
export function approvals(connection: Connection, host: string): ApprovalPort {
  const p = keys.principal;
  const k = keys.bridge;
  const asked = { set: keys.host.asked(host), counter: keys.host.askedMarks(host), hint: channels.policy };
  const mark = (record: Pick<ApprovalRecord, "bridge" | "principal" | "approvalId">): Call =>
    markCall(cardWake(record.bridge), `${record.principal}/${record.approvalId}`);
  const marked = async (record: ApprovalRecord) => {
    await connection.run(...mark(record));
    return record;
  };
  const now = async () => timeOf(await connection.command((r): Promise<unknown> => r.time()));
  const changed = (principal: string) => void connection.publish(channels.policy, principal);
  const take = async (
    principal: string,
    platform: string,
    handle: Parameters<ApprovalPort["takeTaps"]>[1],
  ) => {
    const key = p.taps(principal, platform);
    for (;;) {
      const json = await connection.command((r): Promise<unknown> => r.lindex(key, 0));
      if (typeof json !== "string") return;
      const tap = readTap(json);
      const outcome = tap && (await handle(tap, platform));
      if (outcome && tap.kind !== "reset")
        connection.publish(channels.tapped(tap.bridge), toJson(outcome satisfies TapOutcome));
      await connection.run("untap", [key], [json]);
    }
  };

  return {
    async open(principal, approval, maxOpen) {
      const { approvalId, epoch, digest, holdMs, decideMs, ...rest } = approval;
      const fixed = toJson({ v: 1, approvalId, principal, epoch, hostId: host, digest, ...rest });
      // The principal is noted first: after a crash its cards are found by it.
      const [, reply] = await connection.runAll([
        markCall(asked, principal),
        [
          "approval_open",
          [p.approvals(principal), p.openApprovals(principal)],
          [
            ...[approvalId, digest, epoch, approval.turnId, fixed, holdMs, decideMs, maxOpen, KEPT],
            approval.command ? `command:${digest}` : `${approval.facts.host}:${approval.facts.port}`,
          ],
        ],
      ]);
      const outcome = checked(Opened, reply, "approval");
      if (outcome[0] === "busy") return { kind: "busy", open: outcome[1] };
      const record = recordOf(outcome[1], outcome[2]);
      if (outcome[0] !== "denied") await marked(record);
      return { kind: outcome[0], record };
    },

    async holding(principal, approvalId, attempts, held, cancel) {
      const reply = await connection.run(
        "approval_hold",
        [p.approvals(principal), p.openApprovals(principal)],
        [approvalId, attempts, held, cancel ? 1 : 0],
      );
      const pair = checked(Pair, reply, "approval");
      return pair.length === 0 ? undefined : marked(recordOf(...pair));
    },

    async decide(principal, approvalId, { state, by, late, grant, rule, bridge }) {
      const { ttlMs = 0, ...given }: { ttlMs?: number } = grant ?? {};
      const [reply] = await connection.runAll([
        [
          "approval_decide",
          [p.approvals(principal), p.openApprovals(principal), p.grants(principal), p.rules(principal)],
          [
            approvalId,
            state,
            by ? toJson(by) : "",
            late ? 1 : 0,
            String(grant?.grantId ?? ""),
            grant ? unclosed({ v: 1, ...given }) : "",
            ttlMs,
            String(rule?.ruleId ?? ""),
            rule ? unclosed({ v: 1, ...rule }) : "",
          ],
        ],
        mark({ bridge, principal, approvalId }),
      ]);
      const outcome = checked(Decided, reply, "approval");
      if (outcome.length === 0) return undefined;
      if (grant || rule) changed(principal);
      return { won: outcome[0] === 1, record: recordOf(outcome[1], outcome[2]) };
    },

    async confirming(principal, approvalId, on) {
      const reply = await connection.run(
        "approval_confirm",
        [p.approvals(principal)],
        [approvalId, on ? 1 : 0],
      );
      const pair = checked(Pair, reply, "approval");
      return pair.length === 0 ? undefined : marked(recordOf(...pair));
    },

    async mark(record) {
      await marked(record);
    },

    async takeTaps(principal, handle) {
      // What one platform's bridges wrote keeps no other platform's people from deciding.
      const taken = await Promise.allSettled(PLATFORMS.map((platform) => take(principal, platform, handle)));
      const failed = taken.find((one) => one.status === "rejected");
      if (failed) throw failed.reason;
    },

    async cardMessage(bridge, approvalId) {
      const json = await connection.command((r) => r.hget(k.cardMessages(bridge), approvalId));
      return json === null ? undefined : parsed(CardMessage, json, "card");
    },

    async get(principal, approvalId) {
      const [fixed, changing] = await connection.command((r) =>
        r.hmget(p.approvals(principal), approvalId, `${approvalId}:m`),
      );
      return typeof fixed === "string" && typeof changing === "string"
        ? recordOf(fixed, changing)
        : undefined;
    },

    async list(principal) {
      return recordsOf(await connection.command((r) => r.hgetall(p.approvals(principal))));
    },

    async pending(principal) {
      const read = await connection.command(
        (r): Promise<unknown> => r.zrangebyscore(p.openApprovals(principal), "-inf", "+inf"),
      );
      const ids = checked(z.array(z.string()), read, "open approvals");
      if (ids.length === 0) return [];
      const fields = ids.flatMap((id) => [id, `${id}:m`]);
      const values = await connection.command((r) => r.hmget(p.approvals(principal), ...fields));
      return recordsOf(
        Object.fromEntries(
          fields.flatMap((field, i) => {
            const value = values[i];
            return typeof value === "string" ? [[field, value]] : [];
          }),
        ),
      );
    },

    async asked() {
      const read = await connection.command(
        (r): Promise<unknown> => r.zrangebyscore(asked.set, "-inf", "+inf", "WITHSCORES"),
      );
      const flat = checked(z.array(z.coerce.string()), read, "asked");
      return flat.flatMap((principal, i) => (i % 2 === 0 ? [{ principal, mark: Number(flat[i + 1]) }] : []));
    },

    forget: (principal, mark) => unmark(connection, asked, principal, mark),

    async grants(principal) {
      const [all, at] = await Promise.all([connection.command((r) => r.hgetall(p.grants(principal))), now()]);
      const grants = Object.values(all).map((json) => parsed(GrantRecord, json, "grant"));
      const over = grants.filter((grant) => grant.expiresAt <= at).map((grant) => grant.grantId);
      if (over.length > 0) await connection.command((r) => r.hdel(p.grants(principal), ...over));
      return grants.filter((grant) => grant.expiresAt > at);
    },

    async consume(principal, grantId) {
      return (await connection.command((r) => r.hdel(p.grants(principal), grantId))) === 1;
    },

    async endGrants(principal, ids) {
      if (ids.length === 0) return;
      await connection.command((r) => r.hdel(p.grants(principal), ...ids));
      changed(principal);
    },

    async rules(principal) {
      const all = await connection.command((r) => r.hgetall(p.rules(principal)));
      return Object.values(all)
        .map((json) => parsed(RuleRecord, json, "rule"))
        .sort((a, b) => a.createdAt - b.createdAt);
    },

    async removeRule(principal, ruleId) {
      const removed = (await connection.command((r) => r.hdel(p.rules(principal), ruleId))) === 1;
      if (removed) changed(principal);
      return removed;
    },

    onTaps: (listener) => connection.subscribe(channels.taps, listener),
    onChange: (listener) => connection.subscribe(channels.policy, listener),
    onTool: (listener) =>
      connection.subscribe(channels.tools, (json) => listener(parsed(ToolLine, json, "tool line"))),
  };
}
