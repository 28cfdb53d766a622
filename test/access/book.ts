/** A book in memory, for decisions: each takes effect as the desk would write it. */
import { derive } from "../../src/access/derive.ts";
import { Draft } from "../../src/access/draft.ts";
import { hashOfCode } from "../../src/lib/codes.ts";
import type { AccessBook, OutgoingNote, Wish } from "../../src/store/index.ts";

type Wishes = {
  [K in Wish["kind"]]: Omit<Extract<Wish, { kind: K }>, "v" | "wishId" | "bridge" | "name" | "kind">;
};

/** A book and its clock. */
export class TestBook {
  book: AccessBook = {
    ...{ rev: 0, now: 1_000_000 },
    ...{ people: new Map(), groups: new Map(), principals: new Map(), links: new Map(), chats: new Map() },
    ...{ codes: new Map(), tries: new Map(), shut: new Map(), outgoing: new Map(), handled: new Map() },
  };
  /** Everything that was said, oldest first. */
  notes: OutgoingNote[] = [];
  solo = false;

  /** Makes a decision. */
  do<T>(decision: (draft: Draft) => T): T {
    const draft = new Draft(this.book, this.solo);
    const result = decision(draft);
    derive(draft);
    const next = { ...this.book, rev: this.book.rev + 1 } as Record<string, unknown> & AccessBook;
    for (const { table, key, value } of draft.changes()) {
      const map = new Map<string, unknown>(next[table] as ReadonlyMap<string, unknown>);
      if (value === undefined) map.delete(key);
      else map.set(key, value);
      (next as Record<string, unknown>)[table] = map;
    }
    this.book = { ...next, outgoing: new Map() };
    this.notes.push(...draft.outgoing.values());
    return result;
  }

  pass(ms: number): void {
    this.book = { ...this.book, now: this.book.now + ms };
  }

  /** The last note to that chat. */
  note(chat: string): OutgoingNote["note"] | undefined {
    return this.notes.filter(({ note }) => note.deliver.chat === chat).at(-1)?.note;
  }

  principal(id: string): { deciders: string[]; shut: boolean } {
    return { deciders: this.book.principals.get(id)?.deciders ?? [], shut: this.book.shut.has(id) };
  }
}

let wishes = 0;

/** A wish of somebody in their private chat. */
export function wish<K extends Wish["kind"]>(
  kind: K,
  fields: Wishes[K],
  name = "Somebody",
): Extract<Wish, { kind: K }> {
  const by = (fields as { by: string }).by;
  const bridge = by.startsWith("discord") ? "discord.7" : "telegram.42";
  return { v: 1, wishId: `w${++wishes}`, bridge, name, kind, ...fields } as unknown as Extract<
    Wish,
    { kind: K }
  >;
}

/** Who speaks and where: the private chat has the person's number. */
export const from = (by: string) => ({ by, deliver: { chat: by.split(":")[1] ?? "" } });

/** Hash of a code. */
export const hash = (kind: "pairing" | "claim" | "link", code: string) => hashOfCode(kind, code) ?? "";
