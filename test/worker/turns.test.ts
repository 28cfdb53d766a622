/** The main path and its commands, over real Redis, real sockets and a fake guest. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { principalOf } from "../../src/lib/ids.ts";
import { eventually, Harness } from "./helpers/harness.ts";

describe("turns", () => {
  let h: Harness;
  before(async () => {
    h = await Harness.start();
    await h.worker();
  });
  after(() => h.stop());

  it("answers a message, and a second one on the warm agent", async () => {
    await h.say("ann", "hello");
    assert.deepEqual(await h.until("ann", 1), ["final: You said: hello"]);
    await h.say("ann", "again");
    assert.deepEqual(await h.until("ann", 2), ["final: You said: hello", "final: You said: again"]);
    assert.equal(h.guest("ann").started.length, 2);
  });
});
