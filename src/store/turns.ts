/**
 * Worker side of mailboxes: the turn record with lease and fence is the truth (RELIABILITY §2).
 * Must never trust the caller's clock, or that a caller still holds what it once claimed.
 */
import { z } from "zod";
import { Fault } from "../lib/errors.ts";
import { failpoint } from "../lib/failpoints.ts";
import { newId } from "../lib/ids.ts";
import { RUNNING_TURNS } from "../lib/limits.ts";
import type { Logger } from "../lib/logging.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { Call, Connection } from "./connection.ts";
import { bridgeWake, hostWake } from "./ingress.ts";
import { checked, fieldsOf, parsed, toJson } from "./json.ts";
import { channels, keys, ringChannel } from "./keys.ts";
import { markCall, markOf, pager, unmark } from "./marks.ts";
import type { ClaimResult, DoorbellPort, SureClaim, TurnPort } from "./ports.ts";
import { AnswerBody, MAX_TEXT_BYTES, TurnRecord, TurnState } from "./records.ts";

const FINISHED_MS = 7 * 86_400_000;
/** Turns of a conversation that can be exported. */
const MAX_HISTORY = 200;
const Fields = z.array(z.string());
const Core = z.looseObject({});
const Listed = z.array(z.unknown());
const Peek = z.tuple([z.string(), z.string(), z.number(), z.number(), z.string(), z.number()]);
const Take = z.union([
  z.tuple([z.enum(["run", "recover"]), Fields]),
  z.tuple([z.literal("busy"), z.number()]),
  z.tuple([z.literal("empty")]),
]);

/** A turn as its hash stores it. */
export function turnOf(flat: unknown): TurnRecord {
  const f = fieldsOf(checked(Fields, flat, "turn"));
  const core = parsed(Core, f["core"] ?? "", "turn");
  const number = (name: string) => Number(f[name] ?? 0);
  return checked(
    TurnRecord,
    {
      ...core,
      ...(f["steered"] ? { steered: parsed(Listed, f["steered"], "turn") } : {}),
      ...(f["heard"] ? { heard: parsed(Listed, f["heard"], "turn") } : {}),
      state: f["state"],
      owner: f["owner"],
      bootId: f["bootId"],
      fence: number("fence"),
      leaseUntil: number("leaseUntil"),
      starts: number("starts"),
      eventSeq: number("eventSeq"),
      claimedAt: number("claimedAt"),
      startedAt: number("startedAt"),
      settledAt: number("settledAt"),
    },
    "turn",
  );
}

/** Mailboxes of a host, worker side. */
export function turns(
  connection: Connection,
  doorbell: DoorbellPort,
  host: string,
  logger: Logger,
): TurnPort {
  const c = keys.conversation;
  const p = keys.principal;
  const wake = hostWake(host);
  /** Best effort: what this misses, the sweeper finds. */
  const ringLater = (conversation: string) => {
    if (!conversation) return;
    connection
      .command((r) => r.publish(ringChannel(host), conversation))
      .then((heard) => (heard === 0 ? doorbell.ring(conversation) : undefined))
      .catch((err) => logger.debug({ err, conversation }, "ring failed"));
  };

  // After a Redis restart no lease ends before every holder had the time to renew it: a lease counts from the moment
  // when this life of Redis was first seen by a worker.
  let graceKnownFor = 0;
  let graceUntil = 0;
  let mostRunning = (_principal: string): number => RUNNING_TURNS;
  async function grace(): Promise<number> {
    const generation = connection.generation;
    if (graceKnownFor === generation && generation > 0) return graceUntil;
    const info = await connection.command((r) => r.info("server"));
    const runId = /^run_id:(\S+)/m.exec(info)?.[1] ?? "unknown";
    const since = checked(z.number(), await connection.run("life", [keys.life], [runId]), "life");
    graceUntil = since === 0 ? 0 : since + TIMEOUTS.lease;
    graceKnownFor = generation;
    return graceUntil;
  }

  const release = async (principal: string, turnId: string) =>
    ringLater(
      String(await connection.run("release", [p.running(principal), p.waiting(principal)], [turnId])),
    );

  return {
    dirty: pager(connection, wake),
    markOf: (conversation) => markOf(connection, wake, conversation),

    async clean(conversation, mark) {
      if (mark === 0) return;
      const id = conversation;
      const look = await connection.run(
        "peek",
        [c.state(id), c.accepted(id), c.turn(id), c.outbox(id)],
        [0, ""],
      );
      const [, bridge, accepted, undelivered, turnId] = checked(Peek, look, "peek");
      if (accepted > 0 || turnId !== "") return;
      // One after the other: the dirty mark is what heals a lost outbox mark.
      if (undelivered > 0) await connection.run(...markCall(bridgeWake(bridge), id));
      await unmark(connection, wake, id, mark);
    },

    async claim(conversation, owner, deadOwner = "", sure?: SureClaim): Promise<ClaimResult> {
      const id = conversation;
      const graceEnd = await grace();
      if (sure) return claimSure(id, owner, deadOwner, sure, graceEnd);
      const look = await connection.run(
        "peek",
        [c.state(id), c.accepted(id), c.turn(id), c.outbox(id)],
        [graceEnd, deadOwner],
      );
      const [principal, , accepted, , unfinished, lease] = checked(Peek, look, "peek");
      if (lease > 0) return { kind: "busy", leaseUntil: lease };
      if (unfinished === "" && accepted === 0) return { kind: "empty" };

      const turnId = newId("t");
      if (unfinished === "") {
        const admitted = await connection.run(
          "admit",
          [p.running(principal), p.waiting(principal)],
          [turnId, id, TIMEOUTS.lease, mostRunning(principal)],
        );
        if (admitted !== 1) return { kind: "wait", reason: "principal" };
      }
      const reply = await connection.run(...takeCall(id, turnId, owner, deadOwner, "", graceEnd));
      return taken(reply, unfinished === "" ? { principal, turnId } : undefined);
    },

    async renew(turn) {
      const reply = await connection.run(
        "renew",
        [c.state(turn.conversation), c.turn(turn.conversation), c.accepted(turn.conversation)],
        [turn.turnId, turn.owner, turn.fence, TIMEOUTS.lease],
      );
      // Only then the slot: a former holder must not keep one for a turn that has ended.
      if (reply === -1) return { kind: "lost" };
      await connection.run("hold", [p.running(turn.principal)], [turn.turnId, TIMEOUTS.lease]);
      return { kind: "ok", cancel: reply === 1, joinable: reply === 2 };
    },

    async join(turn) {
      const id = turn.conversation;
      const flat = checked(
        Fields,
        await connection.run(
          "join",
          [c.state(id), c.accepted(id), c.entries(id), c.turn(id)],
          [turn.turnId, turn.owner, turn.fence, MAX_TEXT_BYTES],
        ),
        "turn",
      );
      return flat.length === 0 ? undefined : turnOf(flat);
    },

    async advance(turn, change) {
      if (change.state !== undefined && !["accepted", "dispatching", "running"].includes(change.state)) {
        throw new Fault({ code: "turn-state", message: `${change.state} is an outcome: use settle` });
      }
      const state = change.state === undefined ? "" : TurnState.parse(change.state);
      const flat = checked(
        Fields,
        await connection.run(
          "advance",
          [c.turn(turn.conversation)],
          [
            ...[turn.turnId, turn.owner, turn.fence, state, change.bootId ?? "", change.eventSeq ?? ""],
            change.heard ? toJson(change.heard) : "",
          ],
        ),
        "turn",
      );
      return flat.length === 0 ? undefined : turnOf(flat);
    },

    async settle(turn, outcome, body, taken = []) {
      const id = turn.conversation;
      const json = toJson(checked(AnswerBody, body, "answer"));
      failpoint("settle.before-script");
      const waiting = checked(
        z.number(),
        await connection.run(
          "settle",
          [
            c.state(id),
            c.accepted(id),
            c.entries(id),
            c.turn(id),
            c.outbox(id),
            c.answers(id),
            c.finished(id, turn.turnId),
            c.history(id),
          ],
          [turn.turnId, turn.owner, turn.fence, outcome, json, FINISHED_MS, MAX_HISTORY, toJson(taken)],
        ),
        "settle reply",
      );
      failpoint("settle.after-script");
      if (waiting < 0) return undefined;
      const [freed] = await connection.runAll([
        ["release", [p.running(turn.principal), p.waiting(turn.principal)], [turn.turnId]],
        markCall(bridgeWake(turn.bridge), id),
      ]);
      ringLater(String(freed));
      return { more: waiting > 0 };
    },

    limitRunning(most) {
      mostRunning = most;
    },

    draft(message) {
      const { bridge, ...draft } = message;
      connection.publish(channels.drafts(bridge), toJson(draft));
    },

    onCancelHint: (listener) => connection.subscribe(channels.cancel(host), listener),
    onWakeHint: (listener) => connection.subscribe(channels.wake(host), listener),

    async get(conversation) {
      return read(c.turn(conversation));
    },
    async finished(conversation, turnId) {
      return read(c.finished(conversation, turnId));
    },
  };

  function takeCall(
    id: string,
    turnId: string,
    owner: string,
    deadOwner: string,
    bootId: string,
    graceEnd: number,
  ): Call {
    return [
      "take",
      [c.state(id), c.accepted(id), c.entries(id), c.turn(id)],
      [id, turnId, owner, host, TIMEOUTS.lease, graceEnd, deadOwner, MAX_TEXT_BYTES, bootId],
    ];
  }

  /** Place and turn in one go: the caller knows that the place is free. */
  async function claimSure(
    id: string,
    owner: string,
    deadOwner: string,
    { principal, bootId }: SureClaim,
    graceEnd: number,
  ): Promise<ClaimResult> {
    const turnId = newId("t");
    const [, reply] = await connection.runAll([
      ["hold", [p.running(principal)], [turnId, TIMEOUTS.lease]],
      takeCall(id, turnId, owner, deadOwner, bootId, graceEnd),
    ]);
    return taken(reply, { principal, turnId });
  }

  /** Reads a reply of `take`. `place`: what was taken for a new turn, to be given back unless one began. */
  async function taken(
    reply: unknown,
    place: { principal: string; turnId: string } | undefined,
  ): Promise<ClaimResult> {
    const outcome = checked(Take, reply, "claim");
    const turn = outcome[0] === "run" || outcome[0] === "recover" ? turnOf(outcome[1]) : undefined;
    const right = outcome[0] === "run" && turn?.principal === place?.principal;
    if (place && !right) await release(place.principal, place.turnId);
    if (turn && !right)
      await connection.run("hold", [p.running(turn.principal)], [turn.turnId, TIMEOUTS.lease]);
    if (turn) {
      failpoint("claim.after-claim");
      return { kind: outcome[0] === "run" ? "run" : "recover", turn };
    }
    return outcome[0] === "busy" ? { kind: "busy", leaseUntil: Number(outcome[1]) } : { kind: "empty" };
  }

  async function read(key: string): Promise<TurnRecord | undefined> {
    const fields = await connection.command((r) => r.hgetall(key));
    return Object.keys(fields).length === 0 ? undefined : turnOf(Object.entries(fields).flat());
  }
}
