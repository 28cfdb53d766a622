/**
 * Approvals through the whole service, with the fake agent, on an internet of the test's own: the story that
 * `npm run demo:approval` tells with the real one, and the kill matrix's row of held connections.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inOwnNetwork, noInternet } from "../helpers/internet.ts";

describe("approvals", { skip: noInternet() }, () => {
  it("asked and allowed in the same turn, asked again, allowed for good, and one next try", async () => {
    process.env["NEMOCLAW_DEMO_AGENT"] = "fake";
    const { code, output } = await inOwnNetwork(join(import.meta.dirname, "../../demo/approval.ts"));
    assert.equal(code, 0, output);
    console.log(output.trimEnd());
    assert.match(output, /"lateTapPassed":1,"visits":4/);
  });

  it("each process killed while a connection is held: the prescribed outcome, and nothing passes twice", async () => {
    const { code, output } = await inOwnNetwork(join(import.meta.dirname, "held-matrix.ts"));
    console.log(output.trimEnd());
    assert.equal(code, 0);
  });
});
