/** Both ends of the control protocol as they are: the worker and the real guest program, with the fake agent inside. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { principalOf } from "../../src/lib/ids.ts";
import { GuestDriver } from "./helpers/guest-driver.ts";
import { eventually, Harness } from "./helpers/harness.ts";

describe("worker and real guest", () => {
  let h: Harness;
  let driver: GuestDriver;
  before(async () => {
    h = await Harness.start((paths) => {
      driver = new GuestDriver(paths);
      return driver;
    });
    await h.worker({ parkAfterMs: 2_500 });
  });
  after(async () => {
    await driver.closeAll();
    await h.stop();
  });
  const id = principalOf("console", "ann");

  it("cold start, answer with streamed drafts", async () => {
    await h.say("ann", "slow 8");
    const [said] = await h.until("ann", 1, 60_000);
    assert.match(said ?? "", /^final: word0 .*word7/);
    const texts = h.drafts.filter((draft) => draft.kind === "text").map((draft) => draft.text);
    assert.ok(texts.length >= 2, "streamed");
    assert.ok((said ?? "").includes(texts.at(-1)?.trim() ?? "?"));
  });

  it("tools run inside, once, and show as drafts", async () => {
    const file = join(driver.dir(id), "home/effects");
    await h.say("ann", `run echo once >> ${file}`);
    assert.match((await h.until("ann", 2, 30_000))[1] ?? "", /^final/);
    assert.equal(readFileSync(file, "utf8"), "once\n");
    assert.ok(h.drafts.some((draft) => draft.kind === "tool" && draft.text.includes("exec")));
  });

  it("/stop in mid-tool ends the tool", async () => {
    const mark = join(driver.dir(id), "home/mark");
    await h.say("ann", `run touch ${mark}; sleep 30; touch ${mark}2`);
    await eventually(() => existsSync(mark));
    const at = performance.now();
    await h.say("ann", "/stop");
    await eventually(async () => (await h.said("ann")).includes("notice: cancelled"));
    assert.ok(performance.now() - at < 9_000);
    assert.ok(!existsSync(`${mark}2`));
  });

  it("parked when idle, awake for the next message, the same life", async () => {
    const { bootId } = (await driver.inspect(id)) ?? {};
    await eventually(async () => (await driver.inspect(id))?.state === "parked", 15_000);
    const before = (await h.said("ann")).length;
    await h.say("ann", "after the pause");
    const said = await h.until("ann", before + 1, 20_000);
    assert.match(said.at(-1) ?? "", /^final: .*after the pause/);
    assert.equal((await driver.inspect(id))?.bootId, bootId);
  });

  it("a killed guest is one failure; the next message gets a fresh one", async () => {
    const before = (await h.said("ann")).length;
    await h.say("ann", "slow 100");
    await eventually(() => driver.models.get(id)?.seen.at(-1)?.user === "slow 100", 20_000);
    driver.processes.get(id)?.kill("SIGKILL");
    assert.equal((await h.until("ann", before + 1, 20_000)).at(-1), "failed: agent-crashed");
    await h.say("ann", "hello again");
    assert.match((await h.until("ann", before + 2, 60_000)).at(-1) ?? "", /^final: .*hello again/);
  });

  it("a worker killed in mid-turn: the next one attaches, the model is asked once", async () => {
    const answers = (await h.said("bob")).length;
    assert.equal(answers, 0);
    // The worker of this process gives the host up.
    await h.closeWorkers();
    const first = await h.child();
    await h.say("bob", "slow 60");
    const bob = principalOf("console", "bob");
    await eventually(() => driver.models.get(bob)?.seen.at(-1)?.user === "slow 60", 60_000);
    first.kill("SIGKILL");
    await h.child();
    assert.match((await h.until("bob", 1, 20_000))[0] ?? "", /^final: word0 .*word59/);
    assert.equal(driver.models.get(bob)?.seen.filter((seen) => seen.user === "slow 60").length, 1);
  });
});
