/**
 * What a console client hears, as zod schemas: the contract between the bridge, the web page and the CLI.
 * Only `message` events are durable and numbered; the others are hints about what happens now.
 */
import { z } from "zod";
import { ConsoleButton, TranscriptEntry } from "./transcript.ts";

/** A durable entry, with its Markdown also as a tree (mdast) for clients that can't parse. */
export const MessageEvent = TranscriptEntry.extend({ blocks: z.array(z.looseObject({ type: z.string() })) });
/** The answer so far; `status` is a line about what the agent does. */
export const DraftEvent = z.object({
  chat: z.string(),
  turnId: z.string(),
  replyTo: z.string(),
  markdown: z.string(),
  status: z.string(),
  blocks: z.array(z.looseObject({ type: z.string() })),
});
/** A turn works; renewed every few seconds. */
export const WorkingEvent = z.object({ chat: z.string() });
/** An approval card as it stands now; sent again with each change, to every client: there is one operator. */
export const CardEvent = z.object({
  chat: z.string(),
  approvalId: z.string(),
  /** Id of the message that carries the buttons; part of each press. */
  message: z.string(),
  rev: z.number(),
  open: z.boolean(),
  confirming: z.boolean(),
  target: z.string(),
  detail: z.string(),
  markdown: z.string(),
  blocks: z.array(z.looseObject({ type: z.string() })),
  buttons: z.array(ConsoleButton),
});
export type CardEvent = z.infer<typeof CardEvent>;
/** First event of each stream: everything up to `seq` has been or is being sent. */
export const HelloEvent = z.object({ seq: z.number() });

/** One event of the stream. */
export type ConsoleEvent =
  | { event: "message"; data: z.infer<typeof MessageEvent> }
  | { event: "draft"; data: z.infer<typeof DraftEvent> }
  | { event: "card"; data: CardEvent }
  | { event: "working"; data: z.infer<typeof WorkingEvent> }
  | { event: "hello"; data: z.infer<typeof HelloEvent> };

/** A client's message. `id` makes sending it again harmless. */
export const SendRequest = z.object({
  text: z.string(),
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  chat: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/)
    .default("main"),
});
/** Stop and New carry no text. */
export const CommandRequest = SendRequest.omit({ text: true });

/** A press of a button: the same id is the same press. */
export const TapRequest = CommandRequest.extend({
  message: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  data: z.string().max(64),
});
export type TapRequest = z.infer<typeof TapRequest>;
/** What became of a press: an outcome's code and a sentence for the presser. */
export const TapResponse = z.looseObject({ kind: z.string(), text: z.string() });
export type TapResponse = z.infer<typeof TapResponse>;

/** What became of a message or command. */
export const SendResponse = z.looseObject({
  kind: z.enum(["accepted", "full", "session", "stop", "set", "answered"]),
  duplicate: z.boolean(),
});
export type SendResponse = z.infer<typeof SendResponse>;
