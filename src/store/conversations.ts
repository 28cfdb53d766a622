/**
 * What a bridge may know of a conversation beside its outbox: how it stands, what was said in it, and the one change that
 * isn't an event of its own (an edit of a message that still waits). Whose it is was decided before.
 */
import { z } from "zod";
import { Fault } from "../lib/errors.ts";
import type { Connection } from "./connection.ts";
import { checked, parsed, timeOf, toJson } from "./json.ts";
import { keys } from "./keys.ts";
import type { ConversationPort, PastTurn } from "./ports.ts";
import { AnswerBody, Attachment, Delivery, MAX_TEXT_BYTES, QueueMode } from "./records.ts";

const Core = z.looseObject({
  turnId: z.string(),
  session: z.number(),
  text: z.string(),
  attachments: z.array(Attachment).optional(),
  acceptedAt: z.number(),
});

/** The conversations of all bridges. */
export function conversations(connection: Connection): ConversationPort {
  const c = keys.conversation;
  return {
    async look(id) {
      const [state, waiting, time] = await Promise.all([
        connection.command((r) => r.hmget(c.state(id), "session", "mode", "model", "turn", "turnAt")),
        connection.command((r) => r.zcard(c.accepted(id))),
        connection.command((r): Promise<unknown> => r.time()),
      ]);
      const [session, mode, model, turnId, turnAt] = state;
      const forMs = Math.max(0, timeOf(time) - Number(turnAt ?? timeOf(time)));
      return {
        session: Number(session ?? 1),
        mode: checked(QueueMode.catch("followup"), mode ?? "followup", "queue mode"),
        ...(model ? { model } : {}),
        ...(turnId ? { turn: { turnId, forMs } } : {}),
        waiting,
      };
    },

    async history(id) {
      const turnIds = await connection.command((r) => r.lrange(c.history(id), 0, -1));
      const turns = await Promise.all(
        turnIds.map((turnId) =>
          connection.command((r) => r.hmget(c.finished(id, turnId), "core", "settledAt", "answer")),
        ),
      );
      return turns.flatMap(([core, settledAt, answer]): PastTurn[] => {
        // It has expired meanwhile.
        if (!core || !answer) return [];
        const { turnId, session, text, attachments = [], acceptedAt } = parsed(Core, core, "turn");
        const files = attachments.map(({ name }) => name);
        const body = parsed(AnswerBody, answer, "answer");
        return [{ turnId, session, text, files, acceptedAt, settledAt: Number(settledAt), answer: body }];
      });
    },

    async amend(id, { message, text, deliver, sender }) {
      if (Buffer.byteLength(text) > MAX_TEXT_BYTES)
        throw new Fault({ code: "text-too-long", message: `text of ${Buffer.byteLength(text)} bytes` });
      const reply = await connection.run(
        "amend",
        [c.accepted(id), c.entries(id)],
        [message, toJson(text), toJson(checked(Delivery, deliver, "deliver")), toJson(sender)],
      );
      return reply === 1;
    },
  };
}
