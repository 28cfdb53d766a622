/**
 * Bridge side of answers: what is still to be said, and how far saying it got (RELIABILITY §4).
 * Nothing here talks to a platform; an answer is forgotten only when its bridge says that it is done.
 */
import { z } from "zod";
import type { Connection } from "./connection.ts";
import { bridgeWake } from "./ingress.ts";
import { checked, parsed, toJson } from "./json.ts";
import { channels, keys } from "./keys.ts";
import { pager, unmark } from "./marks.ts";
import type { OutboxPort } from "./ports.ts";
import { AnswerPart, AnswerRecord, DraftMessage } from "./records.ts";

const ANCHOR_MS = 7 * 86_400_000;
/** Answers of one conversation that are read at once. */
const PAGE = 50;
const Strings = z.array(z.string());
const QUEUED: AnswerPart = { state: "queued", attempt: 0, anchor: "" };

/** The outbox of one bridge. */
export function outbox(connection: Connection, bridge: string): OutboxPort {
  const c = keys.conversation;
  const wake = bridgeWake(bridge);
  return {
    dirty: pager(connection, wake),

    async pending(conversation) {
      const reply = await connection.run(
        "pending",
        [c.outbox(conversation), c.answers(conversation)],
        [PAGE],
      );
      return checked(z.array(Strings), reply, "outbox").map(([record = "", ...parts]) => {
        const core = parsed(z.looseObject({}), record, "answer");
        return checked(
          AnswerRecord,
          { ...core, parts: parts.map((p) => parsed(AnswerPart, p, "part")) },
          "answer",
        );
      });
    },

    async plan(conversation, answerId, parts) {
      const reply = await connection.run(
        "plan",
        [c.answers(conversation)],
        [answerId, parts, toJson(QUEUED)],
      );
      return checked(Strings, reply, "parts").map((p) => parsed(AnswerPart, p, "part"));
    },

    async part(conversation, answerId, index, part) {
      const json = toJson(checked(AnswerPart, part, "part"));
      await connection.run("part", [c.answers(conversation)], [answerId, index, json]);
    },

    async done(conversation, answerId) {
      const k = [c.outbox(conversation), c.answers(conversation), c.anchors(conversation)];
      await connection.run("delivered", k, [answerId]);
    },

    async clean(conversation, mark) {
      const left = await connection.command((r) => r.llen(c.outbox(conversation)));
      if (left === 0) await unmark(connection, wake, conversation, mark);
    },

    async anchor(conversation, turnId) {
      const stored = await connection.command((r) => r.hget(c.anchors(conversation), turnId));
      if (stored === null) return { state: "none", id: "" };
      const split = stored.indexOf(":");
      return { state: stored.slice(0, split) === "sent" ? "sent" : "sending", id: stored.slice(split + 1) };
    },

    async setAnchor(conversation, turnId, state, id) {
      await connection.run("anchor", [c.anchors(conversation)], [turnId, state, id, ANCHOR_MS]);
    },

    onOutboxHint: (listener) => connection.subscribe(channels.outbox(bridge), listener),

    onDraft: (listener) =>
      connection.subscribe(channels.drafts(bridge), (json) => listener(parsed(DraftMessage, json, "draft"))),
  };
}
