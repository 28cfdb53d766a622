import assert from "node:assert/strict";
import { test } from "node:test";
import { Bag } from "../../src/lib/bag.ts";

test("a bag holds what a Set would, whatever the order of comings and goings", () => {
  const bag = new Bag<{ place: number; n: number }>();
  const set = new Set<{ place: number; n: number }>();
  const things = Array.from({ length: 40 }, (_, n) => ({ place: -1, n }));
  let seed = 7;
  for (let step = 0; step < 5_000; step++) {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    const thing = things[(seed >> 8) % things.length]!;
    if ((seed >> 4) % 3 === 0) assert.equal(bag.delete(thing), set.delete(thing));
    else {
      bag.add(thing);
      set.add(thing);
    }
    assert.equal(bag.size, set.size);
    assert.deepEqual(new Set(bag.all()), set);
  }
  assert.ok(set.size > 5);
});
