/** The main path, commands, failures of agents: over real Redis, real sockets and a fake guest. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../src/lib/ids.ts";
import type { RunningWorker } from "../../src/worker/index.ts";
import { eventually, Harness } from "./helpers/harness.ts";

describe("turns", () => {
  let h: Harness;
  let worker: RunningWorker;
  before(async () => {
    h = await Harness.start();
    worker = await h.worker({ maxWarm: 100 });
  });
  after(async () => {
    const violations = h.violations();
    await h.stop();
    assert.deepEqual(violations, []);
  });

  it("answers a message, and a second one on the warm agent", async () => {
    await h.say("ann", "hello");
    assert.deepEqual(await h.until("ann", 1), ["final: You said: hello"]);
    await h.say("ann", "again");
    assert.deepEqual(await h.until("ann", 2), ["final: You said: hello", "final: You said: again"]);
    assert.equal(h.guest("ann").started.length, 2);
    assert.ok(worker.acting());
  });

  it("tells the gateway of a turn while it runs, and takes it back", async () => {
    const contexts = h.redis.store("gateway").contexts;
    await h.say("ctx", "slow 600");
    const principal = principalOf("console", "ctx");
    await eventually(async () =>
      (await contexts.current(principal)).some((context) => context.kind === "turn"),
    );
    const [context] = await contexts.current(principal);
    assert.equal(context?.conversation, "console.ctx");
    await h.until("ctx", 1);
    await eventually(async () => (await contexts.current(principal)).length === 0);
  });

  it("merges what came while a turn ran into one next turn", async () => {
    await h.say("bob", "slow 700");
    await eventually(
      () => h.driver.guests.has(principalOf("console", "bob")) && h.guest("bob").running.length === 1,
    );
    await h.say("bob", "one");
    await h.say("bob", "two");
    const said = await h.until("bob", 2);
    assert.equal(said[1], "final: You said: one\n\ntwo");
    assert.equal(h.guest("bob").started.length, 2);
  });

  it("shows drafts: working, text in order, tools; none after the final", async () => {
    await h.say("dan", "tool");
    await h.say("dan", "hi", "dan2");
    await h.until("dan", 1);
    await sleep(300);
    const drafts = h.drafts.filter((draft) => draft.conversation === "console.dan");
    assert.ok(drafts.some((draft) => draft.kind === "working"));
    assert.ok(drafts.some((draft) => draft.kind === "tool" && draft.text.includes("exec")));
    const seqs = drafts.map((draft) => draft.seq);
    assert.deepEqual(
      seqs,
      [...seqs].sort((a, b) => a - b),
    );
  });

  it("publishes at most five texts a second of a turn that streams twenty", async () => {
    await h.say("fay", "slow 2000");
    await h.until("fay", 1);
    const texts = h.drafts.filter((draft) => draft.conversation === "console.fay" && draft.kind === "text");
    assert.ok(texts.length >= 3 && texts.length <= 12, `${texts.length} drafts in 2 s`);
    for (let i = 1; i < texts.length; i++) assert.ok(texts[i]?.text.startsWith(texts[i - 1]?.text ?? "?"));
  });

  it("/stop ends the running turn within a second, says so, and the next one runs", async () => {
    await h.say("eve", "slow 30000");
    await eventually(
      () => h.driver.guests.has(principalOf("console", "eve")) && h.guest("eve").running.length === 1,
    );
    const at = performance.now();
    await h.say("eve", "/stop");
    await eventually(async () => (await h.said("eve")).includes("notice: cancelled"));
    const ms = performance.now() - at;
    assert.ok(ms < 3_000, `${ms} ms`);
    await h.say("eve", "next");
    await eventually(async () => (await h.said("eve")).includes("final: You said: next"));
  });

  it("a block ends the running turn within a second and the sandbox after it; nothing of theirs runs until it is lifted", async () => {
    const principal = principalOf("console", "mallory");
    await h.say("mallory", "slow 30000");
    await eventually(() => h.driver.guests.has(principal) && h.guest("mallory").running.length === 1);
    const access = h.redis.store("access");
    await access.ready();
    const shut = async (value: number | undefined) => {
      const { rev } = await access.accessBook.load();
      await access.accessBook.commit(rev, [{ table: "shut", key: principal, value }]);
    };
    const at = performance.now();
    await shut(1);
    await eventually(() => h.guest("mallory").running.length === 0);
    const ms = performance.now() - at;
    assert.ok(ms < 1_000, `${ms} ms`);
    await eventually(async () => (await h.said("mallory")).includes("notice: cancelled"));
    await h.say("mallory", "sneaked in");
    await eventually(async () => (await h.said("mallory")).length === 2);
    await eventually(async () => (await h.driver.inspect(principal))?.state === "stopped", 8_000);
    assert.ok(!(await h.said("mallory")).includes("final: You said: sneaked in"));
    await shut(undefined);
    await sleep(100);
    await h.say("mallory", "good again");
    await eventually(async () => (await h.said("mallory")).includes("final: You said: good again"));
  });

  it("a block ends a group's turn within a second when all its messages are by blocked people; the group goes on", async () => {
    const group = principalOf("console", "club");
    let n = 0;
    const say = (id: string, text: string) =>
      h.bridge.ingress("console").accept({
        ...{ conversation: "console.club", bridge: "console", principal: group, updateKey: `club${++n}` },
        ...{ deliver: { chat: "club" }, sender: { id, name: id }, text },
      });
    const access = h.redis.store("access");
    await access.ready();
    const block = async (id: string, value: number | undefined) => {
      const { rev } = await access.accessBook.load();
      const key = principalOf("console", id);
      await access.accessBook.commit(rev, [{ table: "shut", key, value }]);
    };
    const running = () => h.driver.guests.get(group)?.running.length;
    await say("mal", "slow 30000");
    await eventually(() => running() === 1);
    await block("ann", 1);
    await sleep(1_200);
    assert.equal(running(), 1, "somebody else's block changes nothing");
    const at = performance.now();
    await block("mal", 1);
    await eventually(() => running() === 0);
    const ms = performance.now() - at;
    assert.ok(ms < 1_000, `${ms} ms`);
    await eventually(async () => (await h.said("club")).includes("notice: cancelled"));
    await block("ann", undefined);

    // What they still send never runs; a turn with others' messages does.
    await say("mal", "sneaked in");
    await eventually(async () => (await h.said("club")).length === 2);
    assert.equal((await h.said("club"))[1], "notice: cancelled");
    await say("bob", "slow 600");
    await eventually(() => running() === 1);
    await say("mal", "me too");
    await say("bob", "and I");
    await eventually(async () => (await h.said("club")).length === 4);
    assert.deepEqual((await h.said("club"))[3], "final: You said: me too\n\nand I");
    const last = (await h.answers("club"))[3];
    const turn = await h.bridge.turns.finished("console.club", last?.turnId ?? "");
    assert.deepEqual(turn?.senders, ["mal", "bob"]);
  });

  it("/stop while the agent still wakes: the turn never runs, the next one does", async () => {
    h.driver.warmMs = 1_500;
    await h.say("eva", "never");
    await eventually(() => h.driver.guests.get(principalOf("console", "eva"))?.agent === "waking");
    await h.say("eva", "/stop");
    await eventually(async () => (await h.said("eva")).includes("notice: cancelled"), 4_000);
    await h.say("eva", "next");
    await eventually(async () => (await h.said("eva")).includes("final: You said: next"));
    h.driver.warmMs = 0;
    assert.equal(h.guest("eva").started.length, 1);
  });

  it("kills an agent that ignores the cancel, after 3 s", async () => {
    await h.say("gus", "deaf 60000");
    await eventually(
      () => h.driver.guests.has(principalOf("console", "gus")) && h.guest("gus").running.length === 1,
    );
    const at = performance.now();
    await h.say("gus", "/stop");
    await eventually(async () => (await h.said("gus")).includes("notice: cancelled"));
    const ms = performance.now() - at;
    assert.ok(ms >= 2_900 && ms < 9_000, `${ms} ms`);
    assert.ok(h.driver.calls.includes(`killAgent ${principalOf("console", "gus")}`));
    await h.say("gus", "next");
    await eventually(async () => (await h.said("gus")).includes("final: You said: next"));
  });

  it("/new gives the next message another session, of the same opaque conversation", async () => {
    await h.say("hal", "first");
    await h.until("hal", 1);
    await h.say("hal", "/new");
    await h.say("hal", "second");
    await eventually(async () => (await h.said("hal")).includes("final: You said: second"));
    const keys = h
      .guest("hal")
      .commands.flatMap(({ command }) => (command.type === "run" ? [command.sessionKey] : []));
    assert.equal(keys.length, 2);
    assert.notEqual(keys[0], keys[1]);
    assert.equal(keys[0]?.split(":")[0], keys[1]?.split(":")[0]);
    assert.doesNotMatch(keys.join(), /hal/);
  });

  for (const [word, code] of [
    ["crash", "agent-crashed"],
    ["die", "agent-crashed"],
    ["oom", "out-of-memory"],
    ["bad-code", "agent-failed"],
  ] as const) {
    it(`${word}: one clear failure (${code}), then a fresh agent answers`, async () => {
      const user = `f-${word}`;
      await h.say(user, word);
      assert.deepEqual(await h.until(user, 1), [`failed: ${code}`]);
      await h.say(user, "still there?");
      assert.deepEqual(await h.until(user, 2), [`failed: ${code}`, "final: You said: still there?"]);
    });
  }

  for (const [what, toldMs, said] of [
    ["silent", 0, "failed: out-of-memory"],
    ["silent", 150, "failed: out-of-memory"],
    ["crash", 0, "failed: out-of-memory"],
    ["but spoke", 0, "final: You said: starved but spoke"],
  ] as const) {
    it(`the kernel kills something for want of memory (told after ${toldMs} ms), the agent: ${what}`, async () => {
      const user = `m-${what.replace(" ", "-")}-${toldMs}`;
      h.driver.killToldMs = toldMs;
      await h.say(user, `starved ${what}`);
      assert.deepEqual(await h.until(user, 1), [said]);
      h.driver.killToldMs = 0;
      // The same life, and a kill of before: an answer without a word is just that.
      await h.say(user, "silent");
      assert.deepEqual(await h.until(user, 2), [said, "final:  "]);
    });
  }

  it("a gateway that doesn't start is done without, turn by turn; the next wake tries it again", async () => {
    h.driver.onGuest = (guest) => {
      guest.failWarm = true;
      h.driver.onGuest = undefined;
    };
    await h.say("ian", "hello");
    assert.deepEqual(await h.until("ian", 1), ["final: You said: hello"]);
    await h.say("ian", "again");
    assert.equal((await h.until("ian", 2))[1], "final: You said: again");
    const modes = h
      .guest("ian")
      .commands.flatMap(({ command }) => (command.type === "run" ? [command.mode] : []));
    assert.deepEqual(modes, ["oneshot", "warm"]);
  });

  it("a lost connection loses nothing: events are replayed from where they stopped", async () => {
    await h.say("jon", "slow 1500");
    await eventually(
      () => h.driver.guests.has(principalOf("console", "jon")) && h.guest("jon").running.length === 1,
    );
    for (let i = 0; i < 3; i++) {
      await sleep(200);
      h.guest("jon").dropConnection();
    }
    assert.equal((await h.until("jon", 1))[0], "final: You said: slow 1500");
    assert.equal(h.guest("jon").started.length, 1);
  });

  it("says that the agent wakes up when that takes more than 2 s", async () => {
    h.driver.warmMs = 2_500;
    await h.say("kim", "hello");
    await h.until("kim", 1);
    h.driver.warmMs = 0;
    assert.ok(h.drafts.some((draft) => draft.conversation === "console.kim" && draft.kind === "waking"));
  });

  it("a launcher that restarts in mid-turn changes nothing", async () => {
    await h.say("leo", `effect ${h.file("leo")} 1500`);
    await eventually(
      () => h.driver.guests.has(principalOf("console", "leo")) && h.guest("leo").running.length === 1,
    );
    h.stopLauncher();
    await sleep(300);
    await h.startLauncher();
    assert.match((await h.until("leo", 1))[0] ?? "", /^final/);
    assert.equal(readFileSync(h.file("leo"), "utf8").trim().split("\n").length, 1);
  });

  it("a third chat of one user waits for a place, other users don't", async () => {
    await Promise.all(["m1", "m2", "m3"].map((chat) => h.say("mia", "slow 900", chat)));
    await h.say("ned", "quick");
    await h.until("ned", 1, 700);
    await Promise.all(["m1", "m2", "m3"].map((chat) => h.until(chat, 1)));
    assert.equal(h.guest("mia").started.length, 3);
  });

  it("wakes an agent on a hint, before any message", async () => {
    await h.bridge.ingress("console").wakeHint(principalOf("console", "pat"));
    await eventually(() => h.driver.guests.get(principalOf("console", "pat"))?.agent === "warm");
  });
});

describe("putting agents to rest", () => {
  let h: Harness;
  before(async () => {
    h = await Harness.start();
    await h.worker({ parkAfterMs: 300, stopAfterMs: 6_000, maxWarm: 2 });
  });
  after(() => h.stop());
  const state = async (user: string) => (await h.driver.inspect(principalOf("console", user)))?.state;

  it("parks an idle agent, and a message wakes it", async () => {
    await h.say("ann", "hello");
    await h.until("ann", 1);
    await eventually(async () => (await state("ann")) === "parked");
    await h.say("ann", "again");
    assert.equal((await h.until("ann", 2))[1], "final: You said: again");
    assert.equal(h.guest("ann").started.length, 2, "the same life");
  });

  it("doesn't park while a turn runs", async () => {
    await h.say("bob", "slow 2500");
    await sleep(2_200);
    assert.equal(await state("bob"), "running");
    await h.until("bob", 1);
  });

  it("stops a parked one at last, and the next message starts it cold", async () => {
    await eventually(async () => (await state("ann")) === "stopped", 15_000);
    await h.say("ann", "back");
    assert.match((await h.until("ann", 3))[2] ?? "", /back/);
  });

  it("makes room: the longest idle one rests when memory is full; where parking is impossible it is stopped", async () => {
    h.driver.canPark = false;
    for (const user of ["c1", "c2", "c3"]) {
      await h.say(user, "hello");
      await h.until(user, 1);
    }
    const states = await Promise.all(["c1", "c2", "c3"].map(state));
    assert.ok(states.filter((s) => s === "running").length <= 2, states.join());
    assert.equal(states[2], "running");
  });
});
