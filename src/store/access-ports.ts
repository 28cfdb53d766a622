/**
 * Who gets in, as its three users see it: the access component decides and writes, bridges hand in wishes and show notes,
 * everybody who judges reads. All methods reject with Fault `redis-unreachable` while Redis is away: then nobody is let in.
 */
import type {
  AccessNote,
  ChatAddress,
  CodeRecord,
  Group,
  HandledWish,
  Identity,
  LinkRequest,
  NoteMessage,
  OutgoingNote,
  Person,
  PlaceId,
  PrincipalAccess,
  Tries,
  Wish,
  WishOutcome,
} from "./access-records.ts";

/** Everything that is known, at one revision. */
export interface AccessBook {
  rev: number;
  /** Redis TIME of the reading. */
  now: number;
  people: ReadonlyMap<Identity, Person>;
  groups: ReadonlyMap<PlaceId, Group>;
  principals: ReadonlyMap<string, PrincipalAccess>;
  links: ReadonlyMap<string, LinkRequest>;
  /** Admins' chats, by bridge. */
  chats: ReadonlyMap<string, ChatAddress>;
  codes: ReadonlyMap<string, CodeRecord>;
  tries: ReadonlyMap<Identity, Tries>;
  /** Principal → since when. */
  shut: ReadonlyMap<string, number>;
  /** Notes that aren't their bridge's yet. */
  outgoing: ReadonlyMap<string, OutgoingNote>;
  /** By platform. */
  handled: ReadonlyMap<string, HandledWish>;
}

/** Tables of the book that are maps of records. */
export type AccessTable = Exclude<keyof AccessBook, "rev" | "now">;

/** One field to write; `value` undefined removes it. */
export interface AccessChange {
  table: AccessTable;
  key: string;
  value: unknown;
}

/** For the access component only. */
export interface AccessStorePort {
  load(): Promise<AccessBook>;
  /** Writes all changes, if the book is still at `rev`; the new revision, or undefined when somebody was first. */
  commit(rev: number, changes: readonly AccessChange[]): Promise<number | undefined>;
  /** Redis TIME, ms. */
  now(): Promise<number>;
  /**
   * Takes waiting wishes of a platform's people, oldest first: each is removed when `handle` resolved, its outcome
   * published before. Wishes older than 30 s, of other platforms' people, or unreadable are dropped.
   */
  takeWishes(platform: string, handle: (wish: Wish) => Promise<WishOutcome>): Promise<void>;
  onWishes(listener: (platform: string) => void): Promise<() => Promise<void>>;
  /** Hands the note `key` of the book's outgoing ones to its bridge; the same id replaces. */
  note(key: string, outgoing: OutgoingNote): Promise<void>;
  noteMessage(bridge: string, noteId: string): Promise<NoteMessage | undefined>;
}

/** For everybody who judges. */
export interface AccessReadPort {
  /** Rises with every change; 0 before the first. */
  rev(): Promise<number>;
  person(identity: Identity): Promise<Person | undefined>;
  group(place: PlaceId): Promise<Group | undefined>;
  principal(id: string): Promise<PrincipalAccess | undefined>;
  /** Principals of which nothing may run or leave. */
  shut(): Promise<ReadonlySet<string>>;
  /** People of a platform who are let in, but whose private chat nobody knows yet; at most `most`. */
  unheard(platform: string, most: number): Promise<Identity[]>;
  /** A hint that something changed. */
  onChange(listener: () => void): Promise<() => Promise<void>>;
}

/** A wish before its id and time are put to it. */
export type NewWish = Wish extends infer W ? (W extends Wish ? Omit<W, "v" | "bridge"> : never) : never;

/** For one bridge. */
export interface AccessWishPort {
  /** Hands a wish in and waits up to 2 s; kind `busy` when no answer came. */
  hand(wish: NewWish): Promise<WishOutcome>;
  /** Notes that wait to be shown. */
  notes(): Promise<AccessNote[]>;
  noteMessage(noteId: string): Promise<NoteMessage | undefined>;
  /** It was shown, as that message where it may be pressed or replaced later. */
  shown(noteId: string, message: NoteMessage | undefined): Promise<void>;
  onNotes(listener: () => void): Promise<() => Promise<void>>;
}
