/** What strangers get to hear: guesses of claim codes cost nobody else anything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Reception } from "../../../src/bridges/core/access/reception.ts";
import { newCode } from "../../../src/lib/codes.ts";
import { silent } from "../../helpers/redis.ts";

test("who guesses claim codes too often is neither heard nor answered for a while; others are", async () => {
  let handed = 0;
  const replies: string[] = [];
  const reception = new Reception({
    wishes: {
      hand: async ({ wishId, by }: { wishId: string; by: string }) => {
        handed++;
        const kind = by !== "telegram:666" ? "claimed" : handed > 5 ? "too-many-tries" : "wrong-code";
        return { wishId, kind, params: {} };
      },
    } as never,
    ...{ read: {} as never, bridge: {} as never, logger: silent },
    reply: async (_, code) => void replies.push(code),
  });
  const say = (id: string, n: number) =>
    reception.stranger({
      ...{ bridge: "telegram.42", updateKey: String(n), deliver: { chat: id }, sender: { id, name: "Eve" } },
      ...{ place: { kind: "private" }, text: `/claim ${newCode("claim")}` },
    });
  for (let i = 0; i < 100; i++) await say("666", i);
  assert.equal(handed, 6);
  assert.deepEqual(replies, [...Array(5).fill("access.wrong-code"), "access.too-many-tries"]);
  assert.equal(await say("7", 1), true);
  assert.equal(replies.at(-1), "access.claimed");
});
