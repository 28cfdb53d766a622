/** Wishes in Redis: a bridge speaks for its own platform's people and places only. Notes: none is lost by a crash. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AccessDesk } from "../../src/access/desk.ts";
import { claim, newClaim } from "../../src/access/pairing.ts";
import { letIn } from "../../src/access/people.ts";
import type { NewWish } from "../../src/store/index.ts";
import { from, hash, wish } from "../access/book.ts";
import { silent, startTestRedis } from "../helpers/redis.ts";

test("what a decision says is said by the next life when this one dies right after it", async () => {
  const redis = await startTestRedis();
  const access = redis.store("access");
  const telegram = redis.store("bridge-telegram");
  try {
    const code = hash("claim", "aaaa-aaaa-aaaa-aaaa");
    const deps = { store: access.accessBook, profiles: access.profiles, logger: silent };
    const dying = { ...access.accessBook, note: () => Promise.reject(new Error("killed")) };
    const first = new AccessDesk({ ...deps, store: dying });
    await first.decide((draft) => newClaim(draft, code));
    await first.decide((draft) => claim(draft, wish("claim", { ...from("telegram:1"), code })));
    const asked = await first.wish(
      wish("added", { by: "telegram:1", place: "telegram:-5", title: "Team", guild: false }),
    );
    assert.equal(asked.kind, "group-asked", "the decision itself took effect, and isn't made twice");
    const notes = () => telegram.accessWishes("telegram.42").notes();
    assert.deepEqual(await notes(), []);
    await new AccessDesk(deps).begin([]);
    const [note, ...more] = await notes();
    assert.deepEqual([note?.code, note?.deliver.chat, more.length], ["access.ask-group", "1", 0]);
    assert.equal((await access.accessBook.load()).outgoing.size, 0);
    await telegram.accessWishes("telegram.42").shown(note!.noteId, undefined);
    await new AccessDesk(deps).begin([]);
    assert.deepEqual(await notes(), [], "and once");
  } finally {
    await access.close();
    await telegram.close();
    await redis.stop();
  }
});

test("a wish that is taken again after a crash is answered as it was, and changes nothing more", async () => {
  const redis = await startTestRedis();
  const access = redis.store("access");
  try {
    const { accessBook } = access;
    const life = () => new AccessDesk({ store: accessBook, profiles: access.profiles, logger: silent });
    const [code, link] = [hash("claim", "aaaa-aaaa-aaaa-aaaa"), hash("link", "bbbb-bbbb")];
    await life().decide((draft) => newClaim(draft, code));
    await life().decide((draft) =>
      letIn(draft, "discord:5", { source: "operator", by: "operator", name: "Ann" }),
    );
    const wishes = [
      [wish("claim", { ...from("telegram:1"), code }), "claimed"],
      [wish("link", { ...from("telegram:1"), code: link }), "link-begun"],
      [wish("join", { ...from("discord:5"), code: link }), "link-asked"],
    ] as const;
    for (const [each, outcome] of wishes) {
      assert.equal((await life().wish(each)).kind, outcome);
      const { rev } = await accessBook.load();
      const again = await life().wish(each);
      assert.deepEqual([again.wishId, again.kind], [each.wishId, outcome]);
      assert.equal((await accessBook.load()).rev, rev);
    }
    const spent = wish("claim", { ...from("telegram:1"), code });
    assert.equal((await life().wish(spent)).kind, "wrong-code", "another wish with the same code");
    assert.equal((await life().wish(spent)).kind, "wrong-code");
    assert.equal((await accessBook.load()).tries.get("telegram:1")?.wrong, 1, "counted once");
  } finally {
    await access.close();
    await redis.stop();
  }
});

test("a wish about another platform's people or places reaches nobody", async () => {
  const redis = await startTestRedis();
  const access = redis.store("access");
  const discord = redis.store("bridge-discord");
  try {
    const of = (wishId: string, rest: object) =>
      ({ wishId, by: "discord:5", name: "Eve", ...rest }) as NewWish;
    const wishes = [
      of("own", { kind: "moved", from: "discord:1", to: "discord:2" }),
      of("group", { kind: "moved", from: "telegram:-500", to: "discord:2" }),
      of("into", { kind: "moved", from: "discord:1", to: "telegram:-500" }),
      of("added", { kind: "added", place: "telegram:-500", title: "T", guild: false }),
      of("channel", { kind: "channel", place: "discord:3", within: "telegram:-500", title: "T" }),
      of("person", { kind: "unlink", by: "telegram:1" }),
    ];
    const handed = wishes.map((wish) => discord.accessWishes("discord.7").hand(wish));
    const taken: string[] = [];
    while (taken.length === 0)
      await access.accessBook.takeWishes("discord", async ({ wishId }) => {
        taken.push(wishId);
        return { wishId, kind: "quiet", params: {} };
      });
    const outcomes = await Promise.all(handed);
    await access.accessBook.takeWishes("discord", async ({ wishId }) => {
      taken.push(wishId);
      return { wishId, kind: "quiet", params: {} };
    });
    assert.deepEqual(taken, ["own"]);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ["quiet", "busy", "busy", "busy", "busy", "busy"],
    );
  } finally {
    await access.close();
    await discord.close();
    await redis.stop();
  }
});
