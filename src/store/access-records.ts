/**
 * What is stored of people, groups and who may do what (DESIGN §2, §3, §6), as zod schemas. Written by the access
 * component's user only; bridges, worker and gateway read. Everything goes by numeric platform ids: names are what their
 * bearers like to be called, and are shown, never compared.
 */
import { z } from "zod";
import { BridgeId, ConversationId, Delivery, PrincipalId } from "./records.ts";

/** A person on a platform: `telegram:1001`. */
export const Identity = z
  .string()
  .regex(/^[a-z]{2,16}:[0-9]{1,20}$/, "expected PLATFORM:NUMBER, e.g. telegram:12345678");
export type Identity = z.infer<typeof Identity>;

/** A group, channel, thread or guild on a platform: `telegram:-1001234`. */
export const PlaceId = z
  .string()
  .regex(/^[a-z]{2,16}:-?[0-9]{1,20}$/, "expected PLATFORM:NUMBER, e.g. telegram:-1001234567890");
export type PlaceId = z.infer<typeof PlaceId>;

/** What somebody may do beside chatting: decide in every group (`approver`), let others in (`admin`). */
export const AccessRole = z.enum(["approver", "admin"]);
export type AccessRole = z.infer<typeof AccessRole>;

const Name = z.string().max(128);

/** A chat that a bridge can write to by itself. */
export const ChatAddress = z.looseObject({ bridge: BridgeId, deliver: Delivery });
export type ChatAddress = z.infer<typeof ChatAddress>;

/** Somebody who is known. */
export const Person = z.looseObject({
  v: z.number(),
  identity: Identity,
  /** Untrusted. */
  name: Name,
  /** `pending`: asked to be let in. */
  state: z.enum(["pending", "allowed", "blocked"]),
  roles: z.array(AccessRole),
  /** Whose sandbox their private chats speak to. */
  principal: PrincipalId,
  /** The sandbox of their own, where `principal` is another one by a link. */
  own: PrincipalId,
  /** How they came in: config.yaml, a pairing code, a claim code, the operator's command. */
  source: z.enum(["config", "pairing", "claim", "operator", "link"]),
  since: z.number(),
  by: z.string().max(64).optional(),
  /** Their private chat, once they wrote. */
  chat: ChatAddress.optional(),
  /** While pending. */
  request: z
    .looseObject({
      /** Names the question in admins' chats. */
      ref: z.string(),
      expiresAt: z.number(),
      /** When codes were made, for the rate limit. */
      issued: z.array(z.number()),
      /** Set by a rejection: nothing new is asked before. */
      quietUntil: z.number().optional(),
    })
    .optional(),
});
export type Person = z.infer<typeof Person>;

/** A group, or a guild, whose channels then are groups of their own. */
export const Group = z.looseObject({
  v: z.number(),
  place: PlaceId,
  name: Name,
  kind: z.enum(["group", "guild"]),
  state: z.enum(["pending", "allowed", "refused"]),
  /** The group's own sandbox. */
  principal: PrincipalId,
  /** Persons that the operator named for it. */
  approvers: z.array(Identity),
  /** `addressed`: mentions, replies and commands. `all`: every message. */
  respond: z.enum(["addressed", "all"]),
  /** `everyone` in the group, or only people who are let in by themselves. */
  members: z.enum(["everyone", "known"]),
  /** Chat id that its conversations are named by, after it moved. */
  formerly: z.string().optional(),
  /** The guild that a channel belongs to. */
  within: PlaceId.optional(),
  /** Who added the bot. */
  addedBy: Identity.optional(),
  ref: z.string().optional(),
  since: z.number(),
  by: z.string().max(64).optional(),
});
export type Group = z.infer<typeof Group>;

/** Derived from people and groups with each change: who decides for a sandbox. What the gateway judges by. */
export const PrincipalAccess = z.looseObject({
  v: z.number(),
  kind: z.enum(["person", "group"]),
  deciders: z.array(Identity),
});
export type PrincipalAccess = z.infer<typeof PrincipalAccess>;

/** Two identities of one person on their way to one sandbox. */
export const LinkRequest = z.looseObject({
  v: z.number(),
  ref: z.string(),
  /** Who asked first: their sandbox is kept. */
  from: Identity,
  to: Identity,
  confirmed: z.array(Identity),
  expiresAt: z.number(),
});
export type LinkRequest = z.infer<typeof LinkRequest>;

/** What a code's hash stands for. */
export const CodeRecord = z.looseObject({
  v: z.number(),
  kind: z.enum(["pairing", "claim", "link"]),
  /** Whom it concerns; absent for a claim. */
  identity: Identity.optional(),
  expiresAt: z.number(),
});
export type CodeRecord = z.infer<typeof CodeRecord>;

/** Wrong codes of one identity. */
export const Tries = z.looseObject({ v: z.number(), wrong: z.number(), until: z.number() });
export type Tries = z.infer<typeof Tries>;

const WishBase = { v: z.number(), wishId: z.string().max(64), bridge: BridgeId, by: Identity, name: Name };
const CodeHash = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * What bridges hand to the access component, in order, per platform. It judges every field again; a bridge can only
 * speak for people of its own platform.
 */
export const Wish = z.discriminatedUnion("kind", [
  /** Somebody unknown wants in; the code was made by the bridge, which alone knows it. */
  z.object({ ...WishBase, kind: z.literal("knock"), code: CodeHash, deliver: Delivery }),
  /** “I am the operator”, with the code from the terminal. */
  z.object({ ...WishBase, kind: z.literal("claim"), code: CodeHash, deliver: Delivery }),
  /** A button of the access component's own questions. */
  z.object({
    ...WishBase,
    kind: z.literal("press"),
    ref: z.string().max(40),
    verb: z.string().max(1),
    conversation: ConversationId,
    message: z.string().max(64),
  }),
  z.object({ ...WishBase, kind: z.literal("link"), code: CodeHash, deliver: Delivery }),
  z.object({ ...WishBase, kind: z.literal("join"), code: CodeHash, deliver: Delivery }),
  z.object({ ...WishBase, kind: z.literal("unlink") }),
  /** The bot was added to a group by `by`. */
  z.object({ ...WishBase, kind: z.literal("added"), place: PlaceId, title: Name, guild: z.boolean() }),
  /** First word in a channel of an allowed guild. */
  z.object({ ...WishBase, kind: z.literal("channel"), place: PlaceId, title: Name, within: PlaceId }),
  /** The platform gave a group another id. */
  z.object({ ...WishBase, kind: z.literal("moved"), from: PlaceId, to: PlaceId }),
]);
export type Wish = z.infer<typeof Wish>;

/** What became of a wish: a code of the catalogue (`access.<kind>`), and its parameters. */
export const WishOutcome = z.looseObject({
  wishId: z.string(),
  kind: z.string().max(40),
  params: z.record(z.string(), z.string()),
});
export type WishOutcome = z.infer<typeof WishOutcome>;

/** The last wish of a platform that changed anything, written with the change: taken again after a crash, it is known. */
export const HandledWish = WishOutcome.extend({ v: z.number() });
export type HandledWish = z.infer<typeof HandledWish>;

/** Something that the access component says in a chat: a bridge shows it, at least once. */
export const AccessNote = z.object({
  v: z.number(),
  noteId: z.string().max(60),
  deliver: Delivery,
  /** Of the catalogue. */
  code: z.string().max(40),
  params: z.record(z.string(), z.string()),
  /** Button `label` (of the catalogue) → verb; `ref` names the question. */
  ref: z.string().optional(),
  buttons: z.array(z.object({ label: z.string(), verb: z.string().max(1) })),
  /** Replaces the message of that note instead. */
  replaces: z.string().optional(),
});
export type AccessNote = z.infer<typeof AccessNote>;

/** A note that is decided but may not be its bridge's yet: written with the decision that it tells of. */
export const OutgoingNote = z.looseObject({ v: z.number(), bridge: BridgeId, note: AccessNote });
export type OutgoingNote = z.infer<typeof OutgoingNote>;

/** The message that a note became. */
export const NoteMessage = z.looseObject({
  v: z.number(),
  conversation: ConversationId,
  message: z.string(),
});
export type NoteMessage = z.infer<typeof NoteMessage>;
