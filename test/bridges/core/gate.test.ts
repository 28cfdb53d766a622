/** Limits of a person: what the gate lets through, by a clock of the test's own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as soon } from "node:timers/promises";
import { Gate } from "../../../src/bridges/core/gate.ts";
import type { Offers } from "../../../src/bridges/core/run-command.ts";
import { WaitingNotices } from "../../../src/bridges/core/waiting.ts";
import type { Profile } from "../../../src/store/index.ts";
import { silent } from "../../helpers/redis.ts";
import { until } from "../tiny-worker.ts";

const OFFERS: Offers = { models: [], model: "demo/demo-1", messagesPerMinute: 6 };

function gateOf(profile: Partial<Profile> = {}, used = { input: 0, output: 0, micros: 0, calls: 0 }) {
  let now = 1_000;
  let reads = 0;
  const gate = new Gate({
    usage: { day: async () => used },
    profiles: {
      get: async () => {
        reads += 1;
        return { v: 1, name: "x", ...profile };
      },
    },
    logger: silent,
    now: () => now,
  });
  return {
    gate,
    pass: (ms: number) => {
      now += ms;
    },
    reads: () => reads,
  };
}

describe("gate", () => {
  it("lets a minute's messages through at once, then one each sixtieth of them", () => {
    const { gate, pass } = gateOf();
    const kinds = Array.from({ length: 8 }, () => gate.check("p", OFFERS).kind);
    assert.deepEqual(kinds, [...Array(6).fill("open"), "too-fast", "too-fast"]);
    for (let i = 0; i < 6; i++) gate.settled("p", 5 - i);
    pass(9_000);
    assert.equal(gate.check("p", OFFERS).kind, "too-fast");
    pass(1_500);
    assert.equal(gate.check("p", OFFERS).kind, "open");
    assert.equal(gate.check("other", OFFERS).kind, "open");
  });

  it("says how long to wait, and says it seldom", () => {
    const { gate, pass } = gateOf();
    for (let i = 0; i < 6; i++) gate.check("p", OFFERS);
    const refused = gate.check("p", OFFERS);
    assert.deepEqual(refused, { kind: "too-fast", seconds: 10, perMinute: 6, tell: true });
    assert.equal((gate.check("p", OFFERS) as { tell: boolean }).tell, false);
    pass(10_000);
    assert.equal((gate.check("p", OFFERS) as { tell: boolean }).tell, true);
  });

  it("believes the store's count: another process may have taken messages too", () => {
    const { gate } = gateOf();
    gate.check("p", OFFERS);
    gate.settled("p", 0.5);
    assert.equal(gate.check("p", OFFERS).kind, "too-fast");
  });

  it("counts nothing where there is no limit, and takes the profile's before the common one", async () => {
    const { gate } = gateOf();
    const free = { models: [], model: "demo/demo-1" };
    for (let i = 0; i < 100; i++) assert.deepEqual(gate.check("p", free), { kind: "open" });
    const own = gateOf({ messagesPerMinute: 2 });
    own.gate.check("p", OFFERS);
    await soon();
    assert.deepEqual(own.gate.check("p", OFFERS), { kind: "open", perMinute: 2 });
    assert.equal(own.gate.check("p", OFFERS).kind, "too-fast");
  });

  it("refuses when today's tokens or money are used up, and reads that seldom", async () => {
    for (const [profile, what] of [
      [{ dailyTokens: 100 }, "tokens"],
      [{ dailyMicros: 5 }, "micros"],
    ] as const) {
      const { gate, reads } = gateOf(profile, { input: 60, output: 40, micros: 5, calls: 1 });
      assert.equal(gate.check("p", OFFERS).kind, "open", "nothing is asked before the first message");
      await soon();
      assert.deepEqual(gate.check("p", OFFERS), { kind: "used-up", what, tell: true });
      assert.deepEqual(gate.check("p", OFFERS), { kind: "used-up", what, tell: false });
      assert.equal(reads(), 1);
    }
  });
});

describe("waiting notices", () => {
  const notices = (look = { session: 1, mode: "followup" as const, waiting: 1 }) => {
    const said: [string, Record<string, string>][] = [];
    const waiting = new WaitingNotices({
      reply: async (_to, code, params) => void said.push([code, params]),
      look: async () => look,
    });
    return { waiting, said };
  };

  it("tells the position once, not for each message", () => {
    const { waiting, said } = notices();
    waiting.accepted("c", { chat: "1" }, 1);
    waiting.accepted("c", { chat: "1" }, 2);
    waiting.accepted("d", { chat: "2" }, 3);
    assert.deepEqual(said, [
      ["queued", { count: "1" }],
      ["queued", { count: "3" }],
    ]);
  });

  it("says that the agent is busy elsewhere when nobody takes a message up", async () => {
    const { waiting, said } = notices();
    waiting.accepted("c", { chat: "1" }, 0);
    waiting.accepted("taken", { chat: "2" }, 0);
    waiting.taken("taken");
    await until(() => said.length > 0, 6_000);
    assert.deepEqual(said, [["busy-elsewhere", {}]]);
    waiting.close();
  });
});
