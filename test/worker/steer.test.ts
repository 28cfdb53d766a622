/**
 * Mode `steer` through a real worker and the real guest (fake agent): a message that comes while a turn runs reaches the
 * agent at its next step and is answered with the turn; every accepted message has one end, whoever is killed when.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../src/lib/ids.ts";
import type { Store } from "../../src/store/index.ts";
import { GuestDriver } from "./helpers/guest-driver.ts";
import { eventually, Harness } from "./helpers/harness.ts";

describe("steer", () => {
  let h: Harness;
  let driver: GuestDriver;
  let records: Store;
  let orders = 0;
  before(async () => {
    h = await Harness.start((paths) => {
      driver = new GuestDriver(paths);
      return driver;
    });
    records = h.redis.store("worker");
    await records.ready();
    await h.worker();
  });
  after(async () => {
    await driver.closeAll();
    await h.stop();
  });
  const asked = (user: string, words: string) =>
    (driver.models.get(principalOf("console", user))?.seen ?? []).filter((one) => one.user === words).length;
  /** What people were answered, without notices of settings. */
  const said = async (user: string) => (await h.said(user)).filter((one) => !one.startsWith("notice: queue"));
  async function mode(user: string, value: "steer" | "followup"): Promise<void> {
    await h.bridge.ingress("console").accept({
      ...{ conversation: `console.${user}`, bridge: "console", principal: principalOf("console", user) },
      ...{ updateKey: `q${++orders}`, deliver: { chat: user }, sender: { id: user, name: user } },
      command: { name: "queue", mode: value },
    });
  }
  /** A turn in the middle of a tool. */
  async function working(user: string, seconds: number): Promise<void> {
    await mode(user, "steer");
    await h.say(user, `run sleep ${seconds}`);
    await eventually(async () => (await records.turns.get(`console.${user}`))?.state === "running", 60_000);
    await eventually(() => asked(user, `run sleep ${seconds}`) > 0);
  }
  const settled = (user: string, count: number, ms = 30_000) =>
    eventually(async () => (await said(user)).length >= count, ms);

  it("two messages during a tool: at the next step, in order, one answer for all three", async () => {
    await working("ann", 1.5);
    const at = performance.now();
    await h.say("ann", "rather count");
    await eventually(async () => (await records.turns.get("console.ann"))?.steered?.length === 1);
    const ms = performance.now() - at;
    assert.ok(ms < 500, `joined by the hint, not by the next renewal: ${Math.round(ms)} ms`);
    await h.say("ann", "to three");
    await settled("ann", 1);
    await sleep(300);
    assert.deepEqual(await said("ann"), ["final: echo: to three"]);
    assert.deepEqual(
      [asked("ann", "to three"), asked("ann", "rather count")],
      [1, 0],
      "together, in one step",
    );
    await h.say("ann", "and now");
    await settled("ann", 2);
    assert.equal((await said("ann"))[1], "final: echo: and now");
  });

  it("while the agent writes its last words: both are in the one answer", async () => {
    await h.say("ann", "slow 8");
    await eventually(() => asked("ann", "slow 8") === 1);
    await h.say("ann", "afterthought");
    await settled("ann", 3);
    const last = (await said("ann"))[2] ?? "";
    assert.match(last, /^final: word0 .*word7 \n\necho: afterthought$/);
  });

  it("/stop ends the turn with what had joined it; the next message runs", async () => {
    await h.say("ann", "run sleep 20");
    await eventually(() => asked("ann", "run sleep 20") === 1);
    await h.say("ann", "joined and stopped");
    await eventually(async () => (await records.turns.get("console.ann"))?.steered?.length === 1);
    await h.say("ann", "/stop");
    await eventually(async () => (await h.said("ann")).includes("notice: cancelled"));
    await h.say("ann", "go on");
    await eventually(async () => (await h.said("ann")).includes("final: echo: go on"), 20_000);
    assert.equal(asked("ann", "joined and stopped"), 0);
  });

  it("many messages at random moments: each is asked, in order, and ends once", async () => {
    await mode("kim", "steer");
    const words = Array.from({ length: 12 }, (_, i) => `m${i}`);
    for (const word of words) {
      await h.say("kim", word);
      await sleep(Math.random() * 120);
    }
    await eventually(async () => {
      const look = await h.bridge.conversations.look("console.kim");
      return look.waiting === 0 && look.turn === undefined;
    }, 60_000);
    const turns = await h.bridge.conversations.history("console.kim");
    assert.deepEqual(
      turns.flatMap(({ text }) => text.split("\n\n")),
      words,
    );
    assert.equal((await said("kim")).length, turns.length, "one answer each");
  });

  for (const [failpoint, user, took] of [
    ["steer.after-join", "bob", "before the guest heard of it"],
    ["steer.after-offer", "eve", "after the agent had it"],
  ] as const)
    it(`a worker killed at ${failpoint}, ${took}: the agent is asked once, one answer`, async () => {
      await h.closeWorkers();
      const first = await h.child({ failpoint });
      const died = new Promise((resolve) => first.once("exit", resolve));
      await working(user, 4);
      await h.say(user, "and this");
      await died;
      await h.child();
      await settled(user, 1);
      await sleep(1_500);
      assert.deepEqual(await said(user), ["final: echo: and this"]);
      assert.equal(asked(user, "and this"), 1);
      await h.killChildren();
    });

  it("a worker killed after the join, back when the turn has ended: the message is the next turn", async () => {
    const first = await h.child({ failpoint: "steer.after-join" });
    const died = new Promise((resolve) => first.once("exit", resolve));
    await working("pat", 2);
    await h.say("pat", "too late");
    await died;
    await sleep(2_500);
    await h.child();
    await settled("pat", 2);
    const [own, next] = await said("pat");
    assert.match(own ?? "", /^final: tool said/);
    assert.equal(next, "final: echo: too late");
    assert.equal(asked("pat", "too late"), 1);
    await h.killChildren();
  });

  it("a killed guest: one failure for what the agent had, nothing is asked again by itself, a retry has it all", async () => {
    await h.worker();
    await working("max", 5);
    await h.say("max", "in its hands");
    await eventually(async () => (await records.turns.get("console.max"))?.steered?.length === 1);
    await sleep(300);
    driver.processes.get(principalOf("console", "max"))?.kill("SIGKILL");
    await settled("max", 1);
    await sleep(1_500);
    assert.deepEqual(await said("max"), ["failed: agent-crashed"]);
    const [turn] = await h.bridge.conversations.history("console.max");
    assert.equal(turn?.text, "run sleep 5\n\nin its hands");
  });
});
