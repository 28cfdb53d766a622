/** Lanes: many keys at once, but not more than a bridge can carry; who finds none free is next, in order. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Lanes, type Later } from "../../../src/bridges/core/lanes.ts";
import { silent } from "../../helpers/redis.ts";
import { until } from "../tiny-worker.ts";

function lanesOf(work: (key: string) => Promise<Later | undefined>): Lanes {
  const lanes = new Lanes({ what: "thing", dirty: async () => [], work, mayAct: () => true, logger: silent });
  lanes.start([]);
  return lanes;
}

describe("lanes", () => {
  it("a hint that finds every lane taken is served as soon as one is free, not by the next sweep", async () => {
    const worked: string[] = [];
    let most = 0;
    let now = 0;
    const lanes = lanesOf(async (key) => {
      now += 1;
      most = Math.max(most, now);
      await sleep(20);
      now -= 1;
      worked.push(key);
      return undefined;
    });
    await sleep(50);
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    const at = performance.now();
    for (const key of keys) lanes.hint(key);
    await until(() => worked.length === keys.length);
    assert.ok(performance.now() - at < 700, "well before a sweep");
    assert.deepEqual(worked, keys);
    assert.equal(most, 32);
    await lanes.close(100);
  });

  it("to be asked to wait doesn't make the next wait longer", async () => {
    const at: number[] = [];
    const lanes = lanesOf(async () => {
      at.push(performance.now());
      return at.length < 5 ? ({ kind: "later", retryAfterMs: 60, code: "429" } as Later) : undefined;
    });
    lanes.hint("k");
    await until(() => at.length === 5);
    for (const [i, time] of at.slice(1).entries()) assert.ok(time - at[i]! < 400, "no back-off that doubles");
    await lanes.close(100);
  });
});
