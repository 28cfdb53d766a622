/**
 * What is stored, as zod schemas; types are inferred from them. Every record has `v`; readers accept v and v−1 and
 * keep unknown fields (loose objects). Times named `…At` are Redis TIME in milliseconds, taken in the script.
 */
import { z } from "zod";

/** `telegram.<bot>.<chat>[.<thread>]`, `console.<name>`: letters, digits, `.`, `_`, `-` only. */
export const ConversationId = z.string().regex(/^[a-z]+(\.[A-Za-z0-9_-]{1,64}){1,4}$/);
export type ConversationId = z.infer<typeof ConversationId>;
/** `telegram.<bot id>` or `console`. */
export const BridgeId = z.string().regex(/^[a-z]+(\.[A-Za-z0-9_-]{1,32})?$/);
export type BridgeId = z.infer<typeof BridgeId>;
export const PrincipalId = z.string().regex(/^p_[a-z0-9]{20}$/);
export const TurnId = z.string().regex(/^t_[a-z0-9]{20}$/);

/** Bytes of UTF-8 text that one message may have. */
export const MAX_TEXT_BYTES = 64 * 1024;
/** Messages that may wait in one conversation; one more is answered "queue full". */
export const MAX_WAITING = 20;
/** A turn that was started this often and still has no outcome is `failed (poison)`. */
export const MAX_STARTS = 2;

/** Where a bridge sends answers: opaque to everybody else. */
export const Delivery = z.looseObject({
  /** Platform chat or channel id. */
  chat: z.string().max(64),
  thread: z.string().max(64).optional(),
  /** Message that is answered. */
  replyTo: z.string().max(64).optional(),
  /** The sender's language (BCP 47), so that whatever is said about the message is said in it. */
  language: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,35}$/)
    .optional(),
});
export type Delivery = z.infer<typeof Delivery>;

/** Files that one message, or one answer, may have. */
export const MAX_ATTACHMENTS = 10;

/**
 * A file on its way through the spool (`lib/spool.ts`), in or out. It lies there complete and fsynced *before* a record
 * names it. Who takes it compares size and digest: a record is believed, a file isn't.
 */
export const Attachment = z.object({
  /** As a person should see it. Untrusted text, of a user or of an agent: never a path, sanitised again where it is used. */
  name: z.string().min(1).max(255),
  /** As the sender claims it, `application/octet-stream` when unknown. Untrusted. */
  mime: z.string().regex(/^[\w.+-]{1,63}\/[\w.+-]{1,63}$/),
  /** Bytes. The caps of `files:` in config.yaml are checked by whoever writes the spool. */
  size: z.number().int().min(0).max(1_000_000_000),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** File name in the spool's folder `in` (messages) or `out` (answers); unguessable. */
  spool: z.string().regex(/^f_[a-z0-9]{20}$/),
  /** A recording of what the sender says, to be turned into text where that is offered. */
  spoken: z.literal(true).optional(),
});
export type Attachment = z.infer<typeof Attachment>;
const Attachments = z.array(Attachment).min(1).max(MAX_ATTACHMENTS);
/** Of a message; of one that repeats a turn, all that its messages had. */
const MessageAttachments = z
  .array(Attachment)
  .min(1)
  .max(MAX_ATTACHMENTS * MAX_WAITING);

/** `<provider>/<model>`, as the gateway's configuration names it. */
export const ModelName = z.string().regex(/^[a-z0-9-]{1,32}\/[A-Za-z0-9._:/@+-]{1,128}$/);

/**
 * What a message does that comes while a turn runs. `followup`: waits, and is answered together with others that wait.
 * `interrupt`: ends the running turn. `steer`: is put before the running agent at its next step, and answered with the turn.
 */
export const QueueMode = z.enum(["followup", "steer", "interrupt"]);
export type QueueMode = z.infer<typeof QueueMode>;

/** A command that changes a conversation's order of things (RELIABILITY §2 "Order"). */
export const OrderCommand = z.discriminatedUnion("name", [
  z.object({ name: z.literal("new") }),
  /** With `turn`: that turn alone, without a notice (a platform's own Stop button). */
  z.object({ name: z.literal("stop"), turn: TurnId.optional() }),
  z.object({ name: z.literal("model"), model: ModelName }),
  z.object({ name: z.literal("queue"), mode: QueueMode }),
]);
export type OrderCommand = z.infer<typeof OrderCommand>;

/** What a bridge hands in. */
export const IngressEvent = z.object({
  conversation: ConversationId,
  bridge: BridgeId,
  principal: PrincipalId,
  /** Idempotency key: the platform's update id, unique within platform and bot. */
  updateKey: z.string().regex(/^[A-Za-z0-9_.-]{1,80}$/),
  deliver: Delivery,
  /** Platform identity of the sender (numeric id as string) and a display name; name is untrusted text. */
  sender: z.object({ id: z.string().max(64), name: z.string().max(128) }),
  /** Exactly one of text and command. Text may be empty when there are attachments. */
  text: z.string().optional(),
  command: OrderCommand.optional(),
  /**
   * Files that lie in the spool's `in` already, at most MAX_ATTACHMENTS of a person's message. With a text only. Unless the outcome is `accepted` and no duplicate, the
   * bridge removes them from the spool again: nobody else will come for them.
   */
  attachments: MessageAttachments.optional(),
  /** Milliseconds for which more of this message is expected: until then no turn begins. Absent: this is all. */
  quietMs: z.number().int().min(0).max(2_000).optional(),
  /** `quietMs` counts only when a turn runs or messages wait: who is alone starts at once. */
  quietIfAhead: z.boolean().optional(),
  /** Messages a minute that the principal may hand in: counted with this one, refused by nobody here. */
  perMinute: z.number().int().min(1).max(10_000).optional(),
  /** What stands between the message before and this one when both are answered together; absent: a blank line. */
  join: z.string().max(4).optional(),
});
export type IngressEvent = z.infer<typeof IngressEvent>;

/** A message in its mailbox. */
export const MailboxEntry = z.looseObject({
  v: z.number(),
  seq: z.number(),
  session: z.number(),
  model: ModelName.optional(),
  updateKey: z.string(),
  text: z.string(),
  attachments: MessageAttachments.optional(),
  join: z.string().optional(),
  deliver: Delivery,
  sender: z.object({ id: z.string(), name: z.string() }),
  acceptedAt: z.number(),
});
export type MailboxEntry = z.infer<typeof MailboxEntry>;

/**
 * What was understood of a recording. `text` is the sandbox's claim, as an answer is; "" when nobody speaks in it.
 * `off`: the operator has configured nothing for it; `used-up`: the day's allowance, or too many at once.
 */
export const Heard = z.union([
  z.object({ name: z.string().max(255), text: z.string(), cut: z.boolean().optional() }),
  z.object({ name: z.string().max(255), failed: z.enum(["off", "too-large", "used-up", "failed"]) }),
]);
export type Heard = z.infer<typeof Heard>;
const HeardList = z
  .array(Heard)
  .min(1)
  .max(MAX_ATTACHMENTS * MAX_WAITING);

/** accepted → dispatching → running → answered | failed | interrupted | cancelled (DESIGN §7). */
export const TurnState = z.enum([
  "accepted",
  "dispatching",
  "running",
  "answered",
  "failed",
  "interrupted",
  "cancelled",
]);
export type TurnState = z.infer<typeof TurnState>;

/** The truth about a turn. */
export const TurnRecord = z.looseObject({
  v: z.number(),
  turnId: TurnId,
  conversation: ConversationId,
  principal: PrincipalId,
  bridge: BridgeId,
  hostId: z.string(),
  /** The principal's assignment epoch. */
  epoch: z.number(),
  state: TurnState,
  /** Mailbox entries it answers, ascending; the text is theirs joined by a blank line, empty ones left out. */
  seqs: z.array(z.number()),
  /** Platform identities of who sent them, each once; absent in records of before there was this. */
  senders: z.array(z.string().max(64)).optional(),
  text: z.string(),
  /** All their files, in order; absent when there are none. Several messages may bring more than MAX_ATTACHMENTS. */
  attachments: z.array(Attachment).optional(),
  /** Messages that came while it ran and are answered with it, in order (mode `steer`). */
  steered: z.array(z.looseObject({ seq: z.number(), text: z.string(), sender: z.string() })).optional(),
  /** Of its recordings, in order, once they were listened to. */
  heard: HeardList.optional(),
  session: z.number(),
  /** Chosen for the conversation before its messages came; absent: the profile's. */
  model: ModelName.optional(),
  deliver: Delivery,
  owner: z.string(),
  fence: z.number(),
  leaseUntil: z.number(),
  /** How often a worker claimed it with the intent to run it. */
  starts: z.number(),
  /** Guest life that it was dispatched to; empty before. */
  bootId: z.string(),
  /** Last guest event that was handled (for attach). */
  eventSeq: z.number(),
  acceptedAt: z.number(),
  claimedAt: z.number(),
  startedAt: z.number(),
  settledAt: z.number(),
});
export type TurnRecord = z.infer<typeof TurnRecord>;

/**
 * A file of the agent that did not become an attachment. `too-large`: above `files.outboundBytes`; `too-many`: above
 * MAX_ATTACHMENTS; `missing`: named by the agent, but not there, or no plain file of its home; `failed`: it could not be
 * fetched (spool full, sandbox gone).
 */
export const OmittedFile = z.object({
  name: z.string().max(255),
  why: z.enum(["too-large", "too-many", "missing", "failed"]),
  /** Bytes, where known. */
  size: z.number().optional(),
});
export type OmittedFile = z.infer<typeof OmittedFile>;

/** What a visible answer says. Codes are rendered by the bridge from its catalogue. */
export const AnswerBody = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("final"),
    markdown: z.string(),
    /**
     * Files of the agent, in the spool's `out`, in the order to be sent. The bridge sends each exactly once as a part of
     * the answer, removes it from the spool when the answer is done, and says so when one is gone (kept for 7 days).
     */
    attachments: Attachments.optional(),
    /** Files that the agent wanted to send and that are not attached, for a line to the user. */
    omitted: z.array(OmittedFile).optional(),
    /** What was understood of the recordings that it answers, to be shown above it. */
    heard: HeardList.optional(),
  }),
  z.object({
    kind: z.literal("failure"),
    code: z.string(),
    reference: z.string(),
    detail: z.string().optional(),
    heard: HeardList.optional(),
  }),
  /** `session-new`, `stopped` {discarded}, `nothing-to-stop`, `cancelled` … */
  z.object({ kind: z.literal("notice"), code: z.string(), params: z.record(z.string(), z.string()) }),
]);
export type AnswerBody = z.infer<typeof AnswerBody>;

/** queued → sending → sent | refused | unknown (RELIABILITY §4). */
export const PartState = z.enum(["queued", "sending", "sent", "refused", "unknown"]);
export const AnswerPart = z.looseObject({
  state: PartState,
  attempt: z.number(),
  /** Anchor: platform message id that the part's text is edited into; empty until known. */
  anchor: z.string(),
  /** How often a message of this part was deleted under us and posted anew. */
  replaced: z.number().optional(),
});
export type AnswerPart = z.infer<typeof AnswerPart>;

/** One answer on its way out. Parts are made by the bridge, which knows the platform's limits. */
export const AnswerRecord = z.looseObject({
  v: z.number(),
  answerId: z.string(),
  /** Empty for a notice that belongs to no turn. */
  turnId: z.string(),
  conversation: ConversationId,
  bridge: BridgeId,
  deliver: Delivery,
  body: AnswerBody,
  parts: z.array(AnswerPart),
  createdAt: z.number(),
});
export type AnswerRecord = z.infer<typeof AnswerRecord>;

/** Published, never stored: lower seq, or any draft after the final, is ignored by the bridge. */
export const DraftMessage = z.object({
  conversation: ConversationId,
  turnId: TurnId,
  fence: z.number(),
  seq: z.number(),
  deliver: Delivery,
  /** `working` (typing), `waking` (agent starts, > 2 s), `text` (answer so far), `tool` (status line). */
  kind: z.enum(["working", "waking", "text", "tool"]),
  text: z.string(),
});
export type DraftMessage = z.infer<typeof DraftMessage>;

/** How a principal's agent is to be run; fields absent = the default profile of config.yaml. */
export const Profile = z.looseObject({
  v: z.number(),
  name: z.string(),
  provider: z.string().optional(),
  model: z.string().optional(),
  dailyTokens: z.number().optional(),
  dailyMicros: z.number().optional(),
  /** Messages that may be handed in a minute, and turns that may run at once. */
  messagesPerMinute: z.number().int().min(1).max(10_000).optional(),
  runningTurns: z.number().int().min(1).max(64).optional(),
  /** The agent asks before it runs commands; absent: as the worker's configuration says. */
  askCommands: z.boolean().optional(),
});
export type Profile = z.infer<typeof Profile>;

/** What the gateway learns of a turn: opaque ids and an expiry (RELIABILITY §5). */
export const TurnContext = z.looseObject({
  v: z.number(),
  turnId: z.string(),
  kind: z.enum(["turn", "warmup"]),
  scopeId: z.string(),
  /** Chosen for the conversation by its people, checked by the gateway. */
  model: ModelName.optional(),
  conversation: z.string(),
  /** Where a card about this turn goes; absent: nobody can be asked. */
  bridge: z.string().optional(),
  deliver: Delivery.optional(),
  expiresAt: z.number(),
});
export type TurnContext = z.infer<typeof TurnContext>;
