import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TIMEOUTS as t } from "../../src/lib/timeouts.ts";

/** Each outer limit and what must fit into it. */
const FITS: [name: string, outer: number, inner: number][] = [
  ["a lease outlives two lost renewals' stop", t.lease, t.leaseStop],
  ["a holder notices before the lease ends", t.leaseStop, t.leaseRenew],
  ["two missed pings are seen as a dead peer", t.heartbeatLost, 2 * t.heartbeat],
  ["an interaction is stored before its deadline", t.interaction, t.ingressScript],
  ["the platform's own 3 s for an interaction", 3_000, t.interaction],
  ["the router's final error comes before OpenClaw's retry gives up", t.modelFirstByte, t.routerFinalError],
  ["retries fit several connection attempts", t.routerFinalError, 3 * t.modelConnect],
  [
    "a model call holds connect, first byte and idle",
    t.modelTotal,
    t.modelConnect + t.modelFirstByte + t.modelIdle,
  ],
  ["the worker waits longer for a transcript than the router", t.transcriptionAck, t.transcription],
  ["a transcription holds a refused connection and a try again", t.transcription, 2 * t.modelConnect],
  ["a turn outlives its model call and waking", t.turn, t.modelTotal + t.waking],
  ["held time holds many holds", t.turnHeld, 10 * t.hold],
  ["a hard cancel comes after the soft one", t.cancelKill, t.cancelSoft],
  ["a drain holds a hard cancel", t.drainTurns, t.cancelKill],
  ["a user is told of waking before it is over", t.waking, t.wakingNotice],
  ["a lost hint is healed before a lease ends", t.lease, t.sweep],
];

describe("time-outs", () => {
  for (const [name, outer, inner] of FITS) it(name, () => assert.ok(outer > inner, `${outer} > ${inner}`));

  it("a held connection ends below 45 s", () => assert.ok(t.hold <= 45_000));
  it("every limit is a whole positive number of milliseconds", () => {
    for (const [name, ms] of Object.entries(t)) assert.ok(Number.isInteger(ms) && ms > 0, name);
  });
});
