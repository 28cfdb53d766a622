/**
 * The store's card port and the gateway's half of approvals, in memory: as strict as the contract in
 * src/store/ports.ts. Everything that crosses the border is parsed and copied; a mark goes only if it is unchanged; a tap
 * is judged by approver, message and state, in this order; the first one wins.
 */
import { setImmediate as soon } from "node:timers/promises";
import { Fault } from "../../src/lib/errors.ts";
import { newId, principalOf } from "../../src/lib/ids.ts";
import {
  ApprovalRecord,
  CardMessage,
  type CardPort,
  RuleRecord,
  Tap,
  type TapOutcome,
} from "../../src/store/index.ts";

/** What a test opens a card with. */
export type Ask = Partial<ApprovalRecord> &
  Pick<ApprovalRecord, "principal" | "conversation" | "bridge" | "deliver">;

/** Both halves. */
export interface MemoryCards {
  /** The bridge's half. */
  cards(bridge: string): CardPort;
  /** The gateway opens a card. */
  ask(ask: Ask): ApprovalRecord;
  /** The gateway changes one: rev rises, the card is marked, the bridge is told. */
  change(approvalId: string, change: Partial<ApprovalRecord>): ApprovalRecord;
  record(approvalId: string): ApprovalRecord;
  /** The gateway forgets one, as it does with old ones. */
  drop(approvalId: string): void;
  messageOf(bridge: string, approvalId: string): CardMessage | undefined;
  marks(bridge: string): number;
  rule(rule: Partial<RuleRecord> & { principal: string }): RuleRecord;
  rulesOf(principal: string): RuleRecord[];
  /** Every tap that was handed in, in order. */
  taps: Tap[];
  /** What the tests order: Redis is away; no gateway answers; hints are lost; verbs that ask once more. */
  trouble: { away: boolean; silent: boolean; deaf: boolean };
}

interface Side {
  marks: Map<string, number>;
  messages: Map<string, CardMessage>;
  listeners: Set<(principal: string, approvalId: string) => void>;
  lastMark: number;
}

/** A destination that nobody has a doubt about. */
const FACTS: ApprovalRecord["facts"] = {
  ...{ scheme: "https", host: "api.example.com", kind: "name", idn: false, domain: "example.com", port: 443 },
  ...{ method: "GET", path: "/v1/models", binary: "/usr/bin/curl", policyHash: "ph" },
};

/** A record as a gateway writes it. */
export function approvalOf(ask: Ask): ApprovalRecord {
  const now = Date.now();
  return ApprovalRecord.parse({
    ...{ v: 1, approvalId: newId("a"), epoch: "e1", hostId: "host1", digest: newId("d"), facts: FACTS },
    ...{ risks: [], says: "", turnId: newId("t"), scopeId: "s1", state: "pending", attempts: 1, held: 1 },
    ...{ holding: true, holdUntil: now + 45_000, decideUntil: now + 900_000, createdAt: now, decidedAt: 0 },
    ...{ nextTry: false, confirming: false, rev: 1 },
    ...ask,
  });
}

/** Makes an empty one. */
export function memoryCards(): MemoryCards {
  const records = new Map<string, ApprovalRecord>();
  const rules = new Map<string, { principal: string; rule: RuleRecord }>();
  const sides = new Map<string, Side>();
  const taps: Tap[] = [];
  const outcomes = new Map<string, TapOutcome>();
  const trouble = { away: false, silent: false, deaf: false };

  const sideOf = (bridge: string): Side => {
    const side = sides.get(bridge) ?? {
      marks: new Map(),
      messages: new Map(),
      listeners: new Set(),
      lastMark: 0,
    };
    sides.set(bridge, side);
    return side;
  };
  const get = (approvalId: string): ApprovalRecord => {
    const record = records.get(approvalId);
    if (!record) throw new Error(`no approval ${approvalId}`);
    return record;
  };
  const put = (record: ApprovalRecord): ApprovalRecord => {
    const { approvalId, principal, bridge } = record;
    records.set(approvalId, ApprovalRecord.parse(structuredClone(record)));
    const side = sideOf(bridge);
    side.lastMark += 1;
    side.marks.set(`${principal}/${approvalId}`, side.lastMark);
    if (!trouble.deaf) for (const listener of side.listeners) setImmediate(listener, principal, approvalId);
    return record;
  };
  const change: MemoryCards["change"] = (approvalId, more) => {
    const record = get(approvalId);
    return put({ ...record, ...more, rev: record.rev + 1 });
  };

  /** The gateway's judgement: each field of a tap is looked at again. */
  function judge(tap: Tap): TapOutcome {
    const { tapId } = tap;
    const owner = principalOf(tap.by.via, tap.by.identity);
    if (tap.kind === "reset") return { tapId, kind: "done" };
    if (tap.kind === "revoke") {
      const found = rules.get(tap.ruleId);
      if (!found) return { tapId, kind: "gone" };
      if (found.principal !== owner) return { tapId, kind: "stranger" };
      rules.delete(tap.ruleId);
      return { tapId, kind: "revoked" };
    }
    const record = records.get(tap.approvalId);
    if (!record) return { tapId, kind: "gone" };
    if (record.principal !== owner) return { tapId, kind: "stranger" };
    const card = sideOf(tap.bridge).messages.get(tap.approvalId);
    const placed =
      card?.state === "sent" && card.message === tap.message && card.conversation === tap.conversation;
    if (!placed) return { tapId, kind: "misplaced" };
    if (record.state === "expired" || record.state === "cancelled") {
      return { tapId, kind: record.state, state: record.state };
    }
    if (record.state !== "pending") return { tapId, kind: "decided", state: record.state };
    return decide(record, tap);
  }

  function decide(record: ApprovalRecord, tap: Tap & { kind: "decide" }): TapOutcome {
    const { tapId, verb, by } = tap;
    const { approvalId, holding, principal, facts } = record;
    if (verb === "back") {
      change(approvalId, { confirming: false });
      return { tapId, kind: "back" };
    }
    if (verb === "always" && record.risks.length > 0) {
      change(approvalId, { confirming: true });
      return { tapId, kind: "confirm" };
    }
    const states = { once: "allowed-once", session: "allowed-session", deny: "denied" } as const;
    const state = verb === "always" || verb === "always-confirmed" ? "allowed-always" : states[verb];
    const nextTry = verb === "once" && !holding;
    change(approvalId, { state, decidedAt: Date.now(), decidedBy: by, confirming: false, nextTry, held: 0 });
    if (state === "allowed-always") {
      const { host, port, method, path } = facts;
      const rule = {
        v: 1,
        ruleId: newId("r"),
        host,
        port,
        method,
        path,
        approvalId,
        by,
        createdAt: Date.now(),
      };
      rules.set(rule.ruleId, { principal, rule: RuleRecord.parse(rule) });
    }
    return { tapId, kind: nextTry ? "next-try" : "done", state };
  }

  function cards(bridge: string): CardPort {
    const side = sideOf(bridge);
    /** Every call takes a moment, and fails as the store does. */
    async function call<T>(work: () => T): Promise<T> {
      await soon();
      if (trouble.away) {
        throw new Fault({ code: "redis-unreachable", message: "away", retryable: true, certain: false });
      }
      return structuredClone(work());
    }
    return {
      dirty: (limit) =>
        call(() =>
          [...side.marks]
            .sort(([, a], [, b]) => a - b)
            .slice(0, limit)
            .map(([key, mark]) => {
              const [principal = "", approvalId = ""] = key.split("/");
              return { principal, approvalId, mark };
            }),
        ),
      clean: (principal, approvalId, mark) =>
        call(() => {
          const key = `${principal}/${approvalId}`;
          if (side.marks.get(key) === mark) side.marks.delete(key);
        }),
      mark: (principal, approvalId) =>
        call(() => {
          side.lastMark += 1;
          side.marks.set(`${principal}/${approvalId}`, side.lastMark);
        }),
      get: (principal, approvalId) =>
        call(() => {
          const record = records.get(approvalId);
          return record?.principal === principal ? record : undefined;
        }),
      open: (principal) =>
        call(() =>
          [...records.values()].filter(
            (record) => record.principal === principal && record.state === "pending",
          ),
        ),
      rules: (principal) =>
        call(() => [...rules.values()].filter((one) => one.principal === principal).map(({ rule }) => rule)),
      message: (approvalId) => call(() => side.messages.get(approvalId)),
      setMessage: (approvalId, message) =>
        call(() => void side.messages.set(approvalId, CardMessage.parse(message))),
      forgetMessage: (approvalId) => call(() => void side.messages.delete(approvalId)),
      async tap(principal, given) {
        const tap = Tap.parse(given);
        if ("bridge" in tap && tap.bridge !== bridge) throw new Error("a bridge taps for itself only");
        await call(() => taps.push(tap));
        if (trouble.silent) {
          await new Promise((resolve) => setTimeout(resolve, 2_000));
          return { tapId: tap.tapId, kind: "busy" };
        }
        const record = tap.kind === "decide" ? records.get(tap.approvalId) : undefined;
        if (record && record.principal !== principal)
          throw new Error("a tap went to another principal's list");
        // The same tap delivered twice is the same tap.
        const outcome = outcomes.get(tap.tapId) ?? judge(tap);
        outcomes.set(tap.tapId, outcome);
        return await call(() => outcome);
      },
      async onCardHint(listener) {
        await call(() => {});
        side.listeners.add(listener);
        return async () => void side.listeners.delete(listener);
      },
    };
  }

  return {
    cards,
    ask: (ask) => put(approvalOf(ask)),
    change,
    record: get,
    drop: (approvalId) => void records.delete(approvalId),
    messageOf: (bridge, approvalId) => sideOf(bridge).messages.get(approvalId),
    marks: (bridge) => sideOf(bridge).marks.size,
    rule({ principal, ...more }) {
      const by = { via: "telegram", identity: "1", name: "Ann" };
      const rule = RuleRecord.parse({
        ...{ v: 1, ruleId: newId("r"), host: "api.example.com", port: 443, approvalId: newId("a"), by },
        ...{ createdAt: Date.now(), ...more },
      });
      rules.set(rule.ruleId, { principal, rule });
      return rule;
    },
    rulesOf: (principal) =>
      [...rules.values()].filter((one) => one.principal === principal).map(({ rule }) => rule),
    taps,
    trouble,
  };
}
