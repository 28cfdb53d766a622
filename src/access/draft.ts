/**
 * The book as one decision sees and changes it. Decisions are pure functions over a draft; what they changed, the notes
 * they want shown and the sandboxes they want named are taken from it afterwards, all or nothing.
 */
import type {
  AccessBook,
  AccessChange,
  AccessNote,
  AccessTable,
  ChatAddress,
  CodeRecord,
  Group,
  HandledWish,
  LinkRequest,
  OutgoingNote,
  Person,
  PrincipalAccess,
  Tries,
} from "../store/index.ts";

/** A table with changes on top. */
export class DraftTable<T> {
  readonly #base: ReadonlyMap<string, T>;
  readonly #changed = new Map<string, T | undefined>();

  constructor(base: ReadonlyMap<string, T>) {
    this.#base = base;
  }

  get(key: string): T | undefined {
    return this.#changed.has(key) ? this.#changed.get(key) : this.#base.get(key);
  }

  set(key: string, value: T): void {
    this.#changed.set(key, value);
  }

  delete(key: string): void {
    if (this.get(key) !== undefined) this.#changed.set(key, undefined);
  }

  entries(): [string, T][] {
    const kept = [...this.#base].filter(([key]) => !this.#changed.has(key));
    const changed = [...this.#changed].flatMap(([key, value]): [string, T][] =>
      value === undefined ? [] : [[key, value]],
    );
    return [...kept, ...changed];
  }

  values(): T[] {
    return this.entries().map(([, value]) => value);
  }

  /** What really differs from the base. */
  changes(table: AccessTable): AccessChange[] {
    return [...this.#changed].flatMap(([key, value]) =>
      JSON.stringify(value) === JSON.stringify(this.#base.get(key)) ? [] : [{ table, key, value }],
    );
  }
}

/** See the module's header. */
export class Draft {
  readonly now: number;
  /** This host can't cage other people's agents: nobody but the operator may be let in. */
  readonly solo: boolean;
  readonly people: DraftTable<Person>;
  readonly groups: DraftTable<Group>;
  readonly principals: DraftTable<PrincipalAccess>;
  readonly links: DraftTable<LinkRequest>;
  readonly chats: DraftTable<ChatAddress>;
  readonly codes: DraftTable<CodeRecord>;
  readonly tries: DraftTable<Tries>;
  readonly shut: DraftTable<number>;
  readonly outgoing: DraftTable<OutgoingNote>;
  readonly handled: DraftTable<HandledWish>;
  /** Sandboxes that should have a name, and after whom. */
  readonly named: { principal: string; after: string }[] = [];

  constructor(book: AccessBook, solo = false) {
    this.solo = solo;
    this.now = book.now;
    this.people = new DraftTable(book.people);
    this.groups = new DraftTable(book.groups);
    this.principals = new DraftTable(book.principals);
    this.links = new DraftTable(book.links);
    this.chats = new DraftTable(book.chats);
    this.codes = new DraftTable(book.codes);
    this.tries = new DraftTable(book.tries);
    this.shut = new DraftTable(book.shut);
    this.outgoing = new DraftTable(book.outgoing);
    this.handled = new DraftTable(book.handled);
  }

  /** Everything to be written. */
  changes(): AccessChange[] {
    const { people, groups, principals, links, chats, codes, tries, shut, outgoing, handled } = this;
    const tables = { people, groups, principals, links, chats, codes, tries, shut, outgoing, handled };
    return Object.entries(tables).flatMap(([name, table]) => table.changes(name as AccessTable));
  }

  /** Says something in a chat. */
  say(
    chat: ChatAddress | undefined,
    note: Pick<AccessNote, "noteId" | "code"> & Partial<Omit<AccessNote, "deliver" | "v">>,
  ): void {
    if (!chat) return;
    const { replyTo: _, ...deliver } = chat.deliver;
    const full = { v: 1, params: {}, buttons: [], ...note, deliver };
    this.outgoing.set(`${chat.bridge}/${note.noteId}`, { v: 1, bridge: chat.bridge, note: full });
  }

  /** Says it in every admin's chat. */
  tellAdmins(note: Pick<AccessNote, "noteId" | "code"> & Partial<Omit<AccessNote, "deliver" | "v">>): void {
    for (const chat of this.chats.values()) this.say(chat, note);
  }
}
