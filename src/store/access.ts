/**
 * Who gets in, over Redis: the book of people and groups with one revision for all of it, wishes on their way to the
 * access component, notes on their way back (access-ports.ts). A commit is one script and only succeeds at the revision
 * that the decision was made at.
 */
import { z } from "zod";
import type {
  AccessBook,
  AccessReadPort,
  AccessStorePort,
  AccessTable,
  AccessWishPort,
} from "./access-ports.ts";
import {
  AccessNote,
  ChatAddress,
  CodeRecord,
  Group,
  HandledWish,
  LinkRequest,
  NoteMessage,
  OutgoingNote,
  Person,
  PrincipalAccess,
  Tries,
  Wish,
  WishOutcome,
} from "./access-records.ts";
import type { Connection } from "./connection.ts";
import { checked, parsed, timeOf, toJson } from "./json.ts";
import { channels, keys } from "./keys.ts";

const k = keys.access;
/** How long a wish waits for what becomes of it. */
const ANSWER_MS = 2_000;
/** Wishes of one platform that may wait. */
const MAX_WISHES = 500;
/** A wish that nobody took in this time is no longer expected to come true. */
const STALE_MS = 30_000;
/** Messages of notes that are remembered per bridge. */
const MAX_NOTE_MESSAGES = 500;

/** Where each table lies: script table number, field prefix, schema. */
const TABLES: Record<AccessTable, [number, string, z.ZodType]> = {
  people: [1, "person:", Person],
  groups: [1, "group:", Group],
  principals: [1, "principal:", PrincipalAccess],
  links: [1, "link:", LinkRequest],
  chats: [1, "chat:", ChatAddress],
  codes: [2, "code:", CodeRecord],
  tries: [2, "tries:", Tries],
  outgoing: [2, "note:", OutgoingNote],
  handled: [2, "handled:", HandledWish],
  shut: [3, "", z.number()],
};

function tableOf<T>(table: AccessTable, all: Record<string, string>): Map<string, T> {
  const [, prefix, schema] = TABLES[table];
  const found = new Map<string, T>();
  for (const [field, json] of Object.entries(all))
    if (field.startsWith(prefix)) found.set(field.slice(prefix.length), parsed(schema, json, table) as T);
  return found;
}

const pick = async <S extends z.ZodType>(
  connection: Connection,
  schema: S,
  table: AccessTable,
  key: string,
) => {
  const json = await connection.command((r) => r.hget(k.book, TABLES[table][1] + key));
  return json === null ? undefined : parsed(schema, json, table);
};

/** For the access component. */
export function accessBook(connection: Connection): AccessStorePort {
  const now = async () => timeOf(await connection.command((r): Promise<unknown> => r.time()));
  return {
    now,

    async load() {
      const [book, codes, shut, at] = await Promise.all([
        connection.command((r) => r.hgetall(k.book)),
        connection.command((r) => r.hgetall(k.codes)),
        connection.command((r) => r.hgetall(k.shut)),
        now(),
      ]);
      const { rev = "0", ...fields } = book;
      return {
        rev: Number(rev),
        now: at,
        people: tableOf("people", fields),
        groups: tableOf("groups", fields),
        principals: tableOf("principals", fields),
        links: tableOf("links", fields),
        chats: tableOf("chats", fields),
        codes: tableOf("codes", codes),
        tries: tableOf("tries", codes),
        outgoing: tableOf("outgoing", codes),
        handled: tableOf("handled", codes),
        shut: tableOf("shut", shut),
      } satisfies AccessBook;
    },

    async commit(rev, changes) {
      const args = changes.flatMap(({ table, key, value }) => {
        const [number, prefix, schema] = TABLES[table];
        return [number, prefix + key, value === undefined ? "" : toJson(checked(schema, value, table))];
      });
      const script = [k.book, k.codes, k.shut];
      const reply = Number(await connection.run("access_commit", script, [rev, channels.access, ...args]));
      return reply < 0 ? undefined : reply;
    },

    async takeWishes(platform, handle) {
      const key = k.wishes(platform);
      for (;;) {
        const json = await connection.command((r): Promise<unknown> => r.lindex(key, 0));
        if (typeof json !== "string") return;
        const wish = readWish(json, platform);
        if (wish && wish.at > (await now()) - STALE_MS)
          connection.publish(channels.wished(wish.bridge), toJson(await handle(wish)));
        await connection.run("untap", [key], [json]);
      }
    },

    onWishes: (listener) => connection.subscribe(channels.wishes, listener),

    async note(key, { bridge, note }) {
      const json = toJson(checked(AccessNote, note, "note"));
      await connection.command((r) => r.hset(keys.bridge.notes(bridge), note.noteId, json));
      connection.publish(channels.notes(bridge), note.noteId);
      await connection.command((r) => r.hdel(k.codes, TABLES.outgoing[1] + key));
    },

    noteMessage: (bridge, noteId) => noteMessage(connection, bridge, noteId),
  };
}

/** What can't be read can't be obeyed, nor what a bridge says of another platform's people or places. */
function readWish(json: string, platform: string): (Wish & { at: number }) | undefined {
  try {
    const wish = parsed(Wish, json, "wish");
    const { at } = parsed(z.looseObject({ at: z.number() }), json, "wish");
    const said = ["by", "place", "within", "from", "to"].map(
      (field) => (wish as Record<string, unknown>)[field],
    );
    const own = said.every((id) => id === undefined || String(id).startsWith(`${platform}:`));
    return own && wish.bridge.split(".")[0] === platform ? { ...wish, at } : undefined;
  } catch {
    return undefined;
  }
}

async function noteMessage(connection: Connection, bridge: string, noteId: string) {
  const json = await connection.command((r) => r.hget(keys.bridge.noteMessages(bridge), noteId));
  return json === null ? undefined : parsed(NoteMessage, json, "note");
}

/** For everybody who judges. */
export function accessReader(connection: Connection): AccessReadPort {
  return {
    rev: async () => Number((await connection.command((r) => r.hget(k.book, "rev"))) ?? 0),
    person: (identity) => pick(connection, Person, "people", identity),
    group: (place) => pick(connection, Group, "groups", place),
    principal: (id) => pick(connection, PrincipalAccess, "principals", id),
    async shut() {
      const ids: string[] = await connection.command((r) => r.hkeys(k.shut));
      return new Set(ids);
    },
    async unheard(platform, most) {
      const people = tableOf<Person>("people", await connection.command((r) => r.hgetall(k.book)));
      return [...people.values()]
        .filter(
          ({ identity, state, chat }) => state === "allowed" && !chat && identity.startsWith(`${platform}:`),
        )
        .slice(0, most)
        .map(({ identity }) => identity);
    },
    onChange: (listener) => connection.subscribe(channels.access, () => listener()),
  };
}

/** For one bridge. */
export function accessWishes(connection: Connection, bridge: string): AccessWishPort {
  const [platform = bridge] = bridge.split(".");
  const b = keys.bridge;
  const waiting = new Map<string, (outcome: WishOutcome) => void>();
  let listening: Promise<unknown> | undefined;
  return {
    async hand(wish) {
      // Subscribed with the first wish and for good: an answer must not be missed.
      listening ??= connection.subscribe(channels.wished(bridge), (json) => {
        const outcome = parsed(WishOutcome, json, "wish outcome");
        waiting.get(outcome.wishId)?.(outcome);
      });
      await listening;
      const busy: WishOutcome = { wishId: wish.wishId, kind: "busy", params: {} };
      const answer = new Promise<WishOutcome>((resolve) => {
        const timer = setTimeout(resolve, ANSWER_MS, busy);
        waiting.set(wish.wishId, (outcome) => {
          clearTimeout(timer);
          resolve(outcome);
        });
      });
      try {
        const json = toJson(checked(Wish, { ...wish, v: 1, bridge }, "wish")).slice(0, -1);
        const args = [json, channels.wishes, platform, MAX_WISHES];
        const stored = await connection.run("wish", [k.wishes(platform)], args);
        return stored === 1 ? await answer : busy;
      } finally {
        waiting.delete(wish.wishId);
      }
    },

    async notes() {
      const all = await connection.command((r) => r.hgetall(b.notes(bridge)));
      return Object.values(all).map((json) => parsed(AccessNote, json, "note"));
    },

    noteMessage: (noteId) => noteMessage(connection, bridge, noteId),

    async shown(noteId, message) {
      const sent = b.noteMessages(bridge);
      if (message) {
        const json = toJson(checked(NoteMessage, message, "note"));
        await connection.command((r) => r.hset(sent, noteId, json));
        if ((await connection.command((r) => r.hlen(sent))) > MAX_NOTE_MESSAGES) await forgetOldest(sent);
      }
      await connection.command((r) => r.hdel(b.notes(bridge), noteId));
    },

    onNotes: (listener) => connection.subscribe(channels.notes(bridge), () => listener()),
  };

  /** Redis keeps no order in a hash: by the time within. */
  async function forgetOldest(key: string): Promise<void> {
    const all: Record<string, string> = await connection.command((r) => r.hgetall(key));
    const shownAt = (json: string) => Number(parsed(NoteMessage, json, "note")["at"] ?? 0);
    const old = Object.entries(all).sort((x, y) => shownAt(x[1]) - shownAt(y[1]));
    const over = old.slice(0, MAX_NOTE_MESSAGES / 2).map(([id]) => id);
    await connection.command((r) => r.hdel(key, ...over));
  }
}
