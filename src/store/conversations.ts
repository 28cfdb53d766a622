/**
 * What a bridge may know of a conversation beside its outbox: how it stands, what was said in it, and the one change that
 * isn't an event of its own (an edit of a message that still waits). Whose it is was decided before.
 */
import { z } from "zod";
import { Fault } from "../lib/errors.ts";
import type { Connection } from "./connection.ts";
import { checked, parsed, timeOf, toJson } from "./json.ts";
import { keys } from "./keys.ts";
import { AnswerBody, Attachment, Delivery, MAX_TEXT_BYTES, QueueMode, TurnRecord } from "./records.ts";
import { wholeText } from "./repeat.ts";

/** A conversation as its people may see it. */
export interface ConversationLook {
  session: number;
  mode: QueueMode;
  /** Chosen by /model; absent: the profile's. */
  model?: string;
  /** The unfinished turn and for how long it has been claimed (ms). */
  turn?: { turnId: string; forMs: number };
  /** Messages that wait. */
  waiting: number;
}

/** A finished turn, for a person who wants to keep the conversation. */
export interface PastTurn {
  turnId: string;
  session: number;
  text: string;
  files: string[];
  acceptedAt: number;
  settledAt: number;
  answer: AnswerBody;
}

/** What a bridge may know of a conversation beside its outbox. */
export interface ConversationPort {
  look(conversation: string): Promise<ConversationLook>;
  /** Turns that ended within 7 days, at most 200, oldest first. */
  history(conversation: string): Promise<PastTurn[]>;
  /** Host patterns that the policy of the conversation's sandbox allows; none while its gateway hasn't said. */
  linkHosts(conversation: string): Promise<string[]>;
  /** A message was edited: true when no turn has taken it yet and its text was replaced. */
  amend(
    conversation: string,
    edit: { message: string; text: string; deliver: Delivery; sender: { id: string; name: string } },
  ): Promise<boolean>;
}

const Core = z.looseObject({
  turnId: z.string(),
  session: z.number(),
  text: z.string(),
  attachments: z.array(Attachment).optional(),
  acceptedAt: z.number(),
});

const Steered = TurnRecord.shape.steered.unwrap();

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
          connection.command((r) =>
            r.hmget(c.finished(id, turnId), "core", "settledAt", "answer", "steered"),
          ),
        ),
      );
      return turns.flatMap(([core, settledAt, answer, joined]): PastTurn[] => {
        // It has expired meanwhile.
        if (!core || !answer) return [];
        const { turnId, session, attachments = [], acceptedAt, ...said } = parsed(Core, core, "turn");
        const steered = joined ? parsed(Steered, joined, "turn") : [];
        const text = wholeText({ ...said, steered });
        const files = attachments.map(({ name }) => name);
        const body = parsed(AnswerBody, answer, "answer");
        return [{ turnId, session, text, files, acceptedAt, settledAt: Number(settledAt), answer: body }];
      });
    },

    async linkHosts(id) {
      const principal = await connection.command((r) => r.hget(c.state(id), "principal"));
      if (!principal) return [];
      const json = await connection.command((r) => r.hget(keys.principal.hosts(principal), "shown"));
      return json === null ? [] : parsed(z.array(z.string()), json, "hosts of a policy");
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
