/**
 * What the operator's commands see of everybody's work: mailboxes, turns, answers under way, usage; and the one thing that
 * they change, whether this host begins new turns. Reads by SCAN where no index is: for people, never for the service.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Connection } from "./connection.ts";
import { checked, parsed, timeOf } from "./json.ts";
import { keys } from "./keys.ts";
import type { TurnRecord } from "./records.ts";
import { ConversationId, MailboxEntry, TurnId } from "./records.ts";
import { turnOf } from "./turns.ts";

/** One row of usage: of a day, or of a model on that day. */
export interface UsageRow {
  principal: string;
  /** `YYYY-MM-DD`, UTC. */
  day: string;
  /** Absent: the whole day. */
  model?: string;
  input: number;
  output: number;
  /** Millionths of a dollar. */
  micros: number;
  calls: number;
}

/** A conversation that has work. */
export interface QueueRow {
  conversation: string;
  principal: string;
  /** Messages that wait. */
  waiting: number;
  /** When the oldest of them came (ms); 0 when none waits. */
  oldestAt: number;
  /** The unfinished turn. */
  turn?: TurnRecord;
}

const Pause = z.looseObject({ v: z.number(), by: z.string(), at: z.number() });
/** Who stopped new turns, and when (ms). */
export type Pause = z.infer<typeof Pause>;

/** A failed turn that is to be handed in again. */
const RetryWish = z.looseObject({ v: z.number(), conversation: ConversationId, turnId: TurnId });

/** The operator's view. */
export interface OperatorPort {
  usage(principal?: string): Promise<UsageRow[]>;
  /** When each principal's last model call was billed (ms). */
  lastUse(principals: readonly string[]): Promise<Map<string, number>>;
  /** Conversations of this host with work, oldest first. */
  queue(): Promise<QueueRow[]>;
  /** Messages that wait in one conversation, in order. */
  waiting(conversation: string): Promise<MailboxEntry[]>;
  /** Conversations with undelivered answers, by bridge. */
  undelivered(): Promise<{ bridge: string; conversations: number }[]>;
  /** Turns of the last 7 days that ended badly, newest first. */
  failed(): Promise<TurnRecord[]>;
  /** A finished turn by its id. */
  finished(turnId: string): Promise<TurnRecord | undefined>;
  /** Asks the worker to hand a failed turn's text in again. Resolves to whether it has taken that over within 3 s. */
  retry(turn: Pick<TurnRecord, "conversation" | "turnId">): Promise<boolean>;
  /** Whether this host begins no new turns. */
  paused(): Promise<Pause | undefined>;
  /** What runs goes on; what comes is accepted and waits. */
  pause(by: string): Promise<void>;
  /** Resolves to whether it was paused. */
  resume(): Promise<boolean>;
}

/** What the worker hears of the operator's wishes. */
export interface WishPort {
  /** Whether to begin no new turns. */
  paused(): Promise<boolean>;
  /** Hands every wish for a retry to `handle`, oldest first; one is forgotten when `handle` resolved. */
  takeRetries(handle: (turn: Pick<TurnRecord, "conversation" | "turnId">) => Promise<void>): Promise<void>;
}

const COUNT = 1_000;
const FIELD = /^(\d{4}-\d{2}-\d{2}):(?:(.+):)?(input|output|micros|calls)$/;
/** The worker looks each second (TIMEOUTS.sweep). */
const RETRY_MS = 3_000;
const LOOK_MS = 100;
const BAD_ENDS = ["failed", "interrupted"];

/** The view of one host. */
export function operator(connection: Connection, host: string): OperatorPort {
  const { conversation: c, principal: p, host: h, bridge: b } = keys;

  async function scan(pattern: string): Promise<string[]> {
    const found = new Set<string>();
    let cursor = "0";
    do {
      const [next, page] = await connection.command((r) => r.scan(cursor, "MATCH", pattern, "COUNT", COUNT));
      cursor = next;
      for (const key of page) found.add(key);
    } while (cursor !== "0");
    return [...found];
  }

  async function turnAt(key: string): Promise<TurnRecord | undefined> {
    const fields = Object.entries(await connection.command((r) => r.hgetall(key)));
    return fields.length === 0 ? undefined : turnOf(fields.flat());
  }

  const waiting = async (conversation: string): Promise<MailboxEntry[]> => {
    const seqs = await connection.command((r) => r.zrange(c.accepted(conversation), "0", "-1"));
    if (seqs.length === 0) return [];
    const texts = await connection.command((r) => r.hmget(c.entries(conversation), ...seqs));
    return texts.flatMap((text) => (text === null ? [] : [parsed(MailboxEntry, text, "message")]));
  };

  return {
    waiting,
    async usage(principal) {
      const found = principal === undefined ? await scan(p.usage("*")) : [p.usage(principal)];
      const rows: UsageRow[] = [];
      for (const key of found) {
        const [, who = ""] = /^nc:\{p:([^}]+)\}/.exec(key) ?? [];
        const fields = await connection.command((r) => r.hgetall(key));
        rows.push(...usageRows(who, fields));
      }
      return rows;
    },
    async lastUse(principals) {
      const times = await Promise.all(
        principals.map((id) => connection.command((r) => r.hget(p.usage(id), "last"))),
      );
      return new Map(principals.flatMap((id, i) => (times[i] ? [[id, Number(times[i])] as const] : [])));
    },
    async queue() {
      const conversations = await connection.command((r) => r.zrange(h.dirty(host), "0", "-1"));
      const rows = await Promise.all(
        conversations.map(async (conversation) => {
          const principal = await connection.command((r) => r.hget(c.state(conversation), "principal"));
          const messages = await waiting(conversation);
          const turn = await turnAt(c.turn(conversation));
          return {
            ...{ conversation, principal: principal ?? "", waiting: messages.length },
            oldestAt: messages[0]?.acceptedAt ?? 0,
            ...(turn ? { turn } : {}),
          };
        }),
      );
      return rows.filter((row) => row.waiting > 0 || row.turn !== undefined);
    },
    async undelivered() {
      const found = await scan(b.out("*"));
      const counts = await Promise.all(found.map((key) => connection.command((r) => r.zcard(key))));
      return found.flatMap((key, i) => {
        const [, bridge = ""] = /^nc:\{b:([^}]+)\}/.exec(key) ?? [];
        return counts[i] ? [{ bridge, conversations: counts[i] }] : [];
      });
    },
    async failed() {
      const found = await Promise.all((await scan(c.finished("*", "*"))).map(turnAt));
      return found
        .flatMap((turn) => (turn && BAD_ENDS.includes(turn.state) ? [turn] : []))
        .sort((a, b) => b.settledAt - a.settledAt);
    },
    async finished(turnId) {
      const [key] = await scan(c.finished("*", turnId));
      return key === undefined ? undefined : turnAt(key);
    },
    async retry({ conversation, turnId }) {
      const wish = JSON.stringify({ v: 1, conversation, turnId });
      await connection.command((r) => r.rpush(h.retries(host), wish));
      for (const until = performance.now() + RETRY_MS; performance.now() < until; await sleep(LOOK_MS)) {
        const wishes = await connection.command((r) => r.lrange(h.retries(host), 0, -1));
        if (!wishes.includes(wish)) return true;
      }
      return false;
    },
    async paused() {
      const json = await connection.command((r) => r.get(h.paused(host)));
      return json === null ? undefined : parsed(Pause, json, "pause");
    },
    async pause(by) {
      const at = timeOf(await connection.command((r) => r.time() as Promise<unknown>));
      const pause = checked(Pause, { v: 1, by, at }, "pause");
      await connection.command((r) => r.set(h.paused(host), JSON.stringify(pause)));
    },
    async resume() {
      return (await connection.command((r) => r.del(h.paused(host)))) > 0;
    },
  };
}

/** The wishes for one host, for its worker. */
export function wishes(connection: Connection, host: string): WishPort {
  const { paused, retries } = keys.host;
  return {
    async paused() {
      return (await connection.command((r) => r.exists(paused(host)))) > 0;
    },
    async takeRetries(handle) {
      const waiting = await connection.command((r) => r.lrange(retries(host), 0, -1));
      for (const json of waiting) {
        await handle(parsed(RetryWish, json, "wish"));
        await connection.command((r) => r.lrem(retries(host), 1, json));
      }
    },
  };
}

/** A usage hash as rows. Pure. */
function usageRows(principal: string, fields: Record<string, string>): UsageRow[] {
  const rows = new Map<string, UsageRow>();
  for (const [field, value] of Object.entries(fields)) {
    const [, day = "", model, what] = FIELD.exec(field) ?? [];
    if (what === undefined) continue;
    const key = `${day}:${model ?? ""}`;
    const row = rows.get(key) ?? {
      ...{ principal, day, ...(model === undefined ? {} : { model }) },
      ...{ input: 0, output: 0, micros: 0, calls: 0 },
    };
    row[what as "input"] = Number(value);
    rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => a.day.localeCompare(b.day));
}
