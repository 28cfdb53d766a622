/**
 * What is stored of approvals (DESIGN §6, RELIABILITY §5), as zod schemas. Everything of one principal lies in its slot;
 * records, grants and rules are written by the gateway's user only, taps and card messages by bridges only (acl.ts).
 */
import { z } from "zod";
import { BridgeId, ConversationId, Delivery, PrincipalId } from "./records.ts";

export const ApprovalId = z.string().regex(/^a_[a-z0-9]{20}$/);
export const RuleId = z.string().regex(/^r_[a-z0-9]{20}$/);

/** `pending` → one of the others, once, by one script; the first tap wins. `cancelled`: the last held client left. */
export const ApprovalState = z.enum([
  "pending",
  "allowed-once",
  "allowed-session",
  "allowed-always",
  "denied",
  "expired",
  "cancelled",
]);
export type ApprovalState = z.infer<typeof ApprovalState>;

/** What makes a destination worth a second look; codes of the catalogue. */
export const ApprovalRisk = z.enum(["ip", "idn", "paste", "tunnel", "dyndns", "write", "first-time"]);
export type ApprovalRisk = z.infer<typeof ApprovalRisk>;

/** The gateway's own facts: exactly what is digested and shown. Of a command there are none: scheme `command`, no host. */
export const ApprovalFacts = z.looseObject({
  scheme: z.enum(["tunnel", "http", "https", "command"]),
  /** Canonical: lower case, punycode. */
  host: z.string().max(253),
  kind: z.enum(["name", "ipv4", "ipv6"]),
  idn: z.boolean(),
  /** The part of the name that somebody registers, for bold print; the host itself where that is unknown. */
  domain: z.string().max(253),
  port: z.number(),
  /** Absent for a tunnel: any method, any path. */
  method: z.string().max(32).optional(),
  path: z.string().max(2_048).optional(),
  /** Path of the program; absent: unknown. */
  binary: z.string().max(256).optional(),
  policyHash: z.string(),
});
export type ApprovalFacts = z.infer<typeof ApprovalFacts>;

/** Who decided, by numeric platform id; `via` is a platform or `operator` (the gateway's own admin socket). */
export const Decider = z.looseObject({
  via: z.string().max(32),
  identity: z.string().max(64),
  /** Untrusted display name. */
  name: z.string().max(128),
});
export type Decider = z.infer<typeof Decider>;

/** One question to a person, and what became of it. */
export const ApprovalRecord = z.looseObject({
  v: z.number(),
  approvalId: ApprovalId,
  principal: PrincipalId,
  /** Life of the gateway that asked; records of dead lives are expired at its boot and never open anything. */
  epoch: z.string(),
  hostId: z.string(),
  /** Digest of facts: only attempts with the same digest join this card. */
  digest: z.string(),
  facts: ApprovalFacts,
  risks: z.array(ApprovalRisk),
  /** What the sandbox says it is doing (the tool call, when known): untrusted, one line, ≤ 200 characters. */
  says: z.string().max(200),
  /** OpenClaw's question before a command inside the sandbox: the sandbox's words, untrusted. Opens nothing outside. */
  command: z
    .looseObject({ line: z.string().max(2_000), cwd: z.string().max(256), always: z.boolean() })
    .optional(),
  /** The turn that caused it and where its card goes; opaque to the gateway. */
  turnId: z.string(),
  scopeId: z.string(),
  conversation: ConversationId,
  bridge: BridgeId,
  deliver: Delivery,
  state: ApprovalState,
  /** Connections that asked so far, and those that are held now: the number that a tap releases. */
  attempts: z.number(),
  held: z.number(),
  /** False once no connection is held any more though the card is open: “Allow once” then reads “Allow next try”. */
  holding: z.boolean(),
  holdUntil: z.number(),
  decideUntil: z.number(),
  createdAt: z.number(),
  decidedAt: z.number(),
  decidedBy: Decider.optional(),
  /** `allowed-once` after the hold: a single-use grant for the next try waits for 2 minutes. */
  nextTry: z.boolean(),
  /** Somebody tapped Always on a risky destination and is asked once more. */
  confirming: z.boolean(),
  /** Rises with every change: a card that shows this rev is up to date. */
  rev: z.number(),
});
export type ApprovalRecord = z.infer<typeof ApprovalRecord>;

/** A command that OpenClaw asks about, on its way to a card. */
export const CommandAsk = z.looseObject({
  v: z.number(),
  approvalId: ApprovalId,
  turnId: z.string().max(64),
  command: z.string().max(2_000),
  cwd: z.string().max(256),
  always: z.boolean(),
});
export type CommandAsk = z.infer<typeof CommandAsk>;

/** What one tap wants. `always-confirmed`: the second tap on a risky destination. */
export const TapVerb = z.enum(["once", "session", "always", "always-confirmed", "back", "deny"]);
export type TapVerb = z.infer<typeof TapVerb>;

/** What bridges hand to the gateway, in order, per principal. The gateway judges every field again. */
export const Tap = z.discriminatedUnion("kind", [
  z.looseObject({
    kind: z.literal("decide"),
    v: z.number(),
    tapId: z.string(),
    approvalId: ApprovalId,
    verb: TapVerb,
    by: Decider,
    /** Chat and message that carried the button, as the platform reports them. */
    bridge: BridgeId,
    conversation: ConversationId,
    message: z.string().max(64),
  }),
  z.looseObject({
    kind: z.literal("revoke"),
    v: z.number(),
    tapId: z.string(),
    ruleId: RuleId,
    by: Decider,
    bridge: BridgeId,
    conversation: ConversationId,
  }),
  /** /new: session grants of this conversation end. */
  z.looseObject({
    kind: z.literal("reset"),
    v: z.number(),
    tapId: z.string(),
    conversation: ConversationId,
    by: Decider,
  }),
]);
export type Tap = z.infer<typeof Tap>;

/**
 * What became of a tap, for the presser's toast.
 * `done`: it took effect. `confirm`: asked once more. `decided`: somebody was first. `stranger`: not an approver.
 * `misplaced`: not the card's chat and message. `busy`: the store didn't answer in time.
 */
export const TapOutcome = z.looseObject({
  tapId: z.string(),
  kind: z.enum([
    "done",
    "next-try",
    "confirm",
    "back",
    "decided",
    "expired",
    "cancelled",
    "stranger",
    "misplaced",
    "gone",
    "revoked",
    "busy",
  ]),
  state: ApprovalState.optional(),
});
export type TapOutcome = z.infer<typeof TapOutcome>;

/** What a person allowed for a while. */
export const GrantRecord = z.looseObject({
  v: z.number(),
  grantId: z.string(),
  scope: z.enum(["session", "once"]),
  host: z.string(),
  port: z.number(),
  binary: z.string().optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  conversation: z.string(),
  scopeId: z.string(),
  approvalId: ApprovalId,
  by: Decider,
  createdAt: z.number(),
  expiresAt: z.number(),
});
export type GrantRecord = z.infer<typeof GrantRecord>;

/** A standing rule of a principal, born from an Always tap. Never opens a private address. */
export const RuleRecord = z.looseObject({
  v: z.number(),
  ruleId: RuleId,
  host: z.string(),
  port: z.number(),
  binary: z.string().optional(),
  /** Absent: any method, any path. */
  method: z.string().optional(),
  path: z.string().optional(),
  approvalId: ApprovalId,
  by: Decider,
  createdAt: z.number(),
});
export type RuleRecord = z.infer<typeof RuleRecord>;

/** A posted card, written by its bridge: `sending` before the request, so that a restart knows. */
export const CardMessage = z.looseObject({
  v: z.number(),
  state: z.enum(["sending", "sent", "refused"]),
  /** Platform id; empty while it is unknown. */
  message: z.string().max(64),
  conversation: ConversationId,
  /** Whose card it is: a button names the approval only. */
  principal: PrincipalId,
  /** Rev of the record that it shows; −1 while it is only a placeholder. */
  rev: z.number(),
  /** A former message of this card (it was posted anew on its user's wish) that still has to lose its buttons. */
  previous: z.string().max(64).optional(),
});
export type CardMessage = z.infer<typeof CardMessage>;
