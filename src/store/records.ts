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
/** Turns of one principal that may run at once. */
export const MAX_RUNNING = 2;
/** A turn that was started this often and still has no outcome is `failed (poison)`. */
export const MAX_STARTS = 2;

/** Where a bridge sends answers: opaque to everybody else. */
export const Delivery = z.looseObject({
  /** Platform chat or channel id. */
  chat: z.string().max(64),
  thread: z.string().max(64).optional(),
  /** Message that is answered. */
  replyTo: z.string().max(64).optional(),
});
export type Delivery = z.infer<typeof Delivery>;

/** A command that changes a conversation's order of things (RELIABILITY §2 "Order"). */
export const OrderCommand = z.discriminatedUnion("name", [
  z.object({ name: z.literal("new") }),
  z.object({ name: z.literal("stop") }),
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
  /** Exactly one of text and command. */
  text: z.string().optional(),
  command: OrderCommand.optional(),
});
export type IngressEvent = z.infer<typeof IngressEvent>;

/** A message in its mailbox. */
export const MailboxEntry = z.looseObject({
  v: z.number(),
  seq: z.number(),
  session: z.number(),
  updateKey: z.string(),
  text: z.string(),
  deliver: Delivery,
  sender: z.object({ id: z.string(), name: z.string() }),
  acceptedAt: z.number(),
});
export type MailboxEntry = z.infer<typeof MailboxEntry>;

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
  /** Mailbox entries it answers, ascending; the text is theirs joined by a blank line. */
  seqs: z.array(z.number()),
  text: z.string(),
  session: z.number(),
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

/** What a visible answer says. Codes are rendered by the bridge from its catalogue. */
export const AnswerBody = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("final"), markdown: z.string() }),
  z.object({
    kind: z.literal("failure"),
    code: z.string(),
    reference: z.string(),
    detail: z.string().optional(),
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
});
export type Profile = z.infer<typeof Profile>;

/** What the gateway learns of a turn: opaque ids and an expiry (RELIABILITY §5). */
export const TurnContext = z.looseObject({
  v: z.number(),
  turnId: z.string(),
  kind: z.enum(["turn", "warmup"]),
  scopeId: z.string(),
  conversation: z.string(),
  /** Where a card about this turn goes; absent: nobody can be asked. */
  bridge: z.string().optional(),
  deliver: Delivery.optional(),
  expiresAt: z.number(),
});
export type TurnContext = z.infer<typeof TurnContext>;
