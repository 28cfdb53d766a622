/** The feed: what a reader gets, what it missed, and that nobody waits for ever. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { activityMethods } from "../../src/lib/admin/activity.ts";
import { Feed } from "../../src/lib/feed.ts";

const filled = (count: number, size = 4) => {
  const feed = new Feed<number>(size);
  for (let i = 1; i <= count; i++) feed.push(i);
  return feed;
};

describe("a feed", () => {
  const cases: [string, number, number | undefined, boolean, number, number[], number][] = [
    ["nothing yet", 0, undefined, false, 9, [], 0],
    ["a newcomer gets what is kept and missed nothing", 6, undefined, false, 9, [3, 4, 5, 6], 0],
    ["who is up to date gets nothing", 3, 3, true, 9, [], 0],
    ["what came since", 3, 1, true, 9, [2, 3], 0],
    ["overwritten ones are counted", 9, 2, true, 9, [6, 7, 8, 9], 3],
    ["at most so many, the newest", 4, 0, true, 2, [3, 4], 2],
    ["a place in another life counts for nothing", 3, 2, false, 9, [1, 2, 3], 0],
    ["a place ahead of the newest is of another life", 3, 7, true, 9, [1, 2, 3], 0],
  ];
  for (const [name, count, after, same, limit, items, missed] of cases) {
    it(name, () => {
      const feed = filled(count);
      const page = feed.read({ after, epoch: same ? feed.epoch : "f_other" }, limit);
      assert.deepEqual(page, { epoch: feed.epoch, seq: count, missed, items });
    });
  }
  it("wakes a waiting reader at once, all readers, and ends its wait in time", async () => {
    const feed = filled(1);
    const place = { epoch: feed.epoch, after: 1 };
    const since = performance.now();
    const both = Promise.all([feed.next(place, 9, 5_000), feed.next(place, 9, 5_000)]);
    feed.push(2);
    for (const page of await both) assert.deepEqual(page.items, [2]);
    assert.ok(performance.now() - since < 1_000);
    assert.deepEqual((await feed.next({ epoch: feed.epoch, after: 2 }, 9, 20)).items, []);
    const left = feed.next({ epoch: feed.epoch, after: 2 }, 9, 60_000);
    feed.close();
    assert.deepEqual((await left).items, [], "closing sends readers away");
  });
  it("answers at once when too many wait", async () => {
    const feed = filled(1);
    const place = { epoch: feed.epoch, after: 1 };
    const waiting = Array.from({ length: 64 }, () => feed.next(place, 9, 60_000));
    assert.deepEqual((await feed.next(place, 9, 60_000)).items, []);
    feed.close();
    await Promise.all(waiting);
  });
});

describe("activity.read", () => {
  it("gives what happened and what stands, and says that somebody looks", async () => {
    let looks = 0;
    const { "activity.read": method } = activityMethods(filled(2), {
      beside: () => ({ sandboxes: ["one"] }),
      looked: () => void looks++,
    });
    const page = (await method?.run({})) as Record<string, unknown>;
    assert.deepEqual([page["items"], page["sandboxes"], looks], [[1, 2], ["one"], 1]);
    await assert.rejects(async () => method?.run({ waitMs: 60_000 }), /waitMs/);
  });
});
