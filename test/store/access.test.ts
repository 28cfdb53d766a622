/** Wishes in Redis: a bridge speaks for its own platform's people and places only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NewWish } from "../../src/store/index.ts";
import { startTestRedis } from "../helpers/redis.ts";

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
