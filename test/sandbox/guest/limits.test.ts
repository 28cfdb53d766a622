/** The guest can't import the host's table of limits in time; here both are held together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TIMEOUTS } from "../../../src/lib/timeouts.ts";
import { LIMITS } from "../../../src/sandbox/guest/limits.ts";

test("the guest's limits agree with the host's table", () => {
  assert.equal(LIMITS.cancelSoft, TIMEOUTS.cancelSoft);
  assert.equal(LIMITS.cancelKill, TIMEOUTS.cancelKill);
  assert.equal(LIMITS.hostSilent, TIMEOUTS.heartbeatLost);
  assert.ok(LIMITS.hostSilent > 2 * TIMEOUTS.heartbeat);
  assert.ok(LIMITS.redialMax < TIMEOUTS.lease, "a new worker meets the guest before its lease ends");
  assert.ok(LIMITS.transcription > TIMEOUTS.transcription, "the gateway's own word comes first");
  assert.ok(
    TIMEOUTS.transcriptionAck > LIMITS.transcription,
    "the guest's word comes before the host gives up",
  );
  assert.ok(LIMITS.start > TIMEOUTS.waking + LIMITS.warmup, "the host gives up first");
});
