import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApprovalRecord } from "../../src/store/index.ts";
import { heldMs } from "../../src/worker/held-time.ts";

const held = (createdAt: number, holdUntil: number, decidedAt = 0, turnId = "t"): ApprovalRecord =>
  ({ createdAt, holdUntil, decidedAt, turnId }) as ApprovalRecord;

const CASES: [string, ApprovalRecord[], number][] = [
  ["nothing was held", [], 0],
  ["decided before its hold ended", [held(100, 200, 150)], 50],
  ["held to the end, decided later", [held(100, 200, 900)], 100],
  ["still held", [held(950, 2_000)], 50],
  ["two at once count once", [held(100, 200), held(150, 250)], 150],
  ["one inside the other", [held(100, 300), held(150, 200)], 200],
  ["one after the other", [held(100, 200), held(300, 350)], 150],
  ["another turn's don't count", [held(100, 200, 0, "other")], 0],
];
for (const [name, records, wanted] of CASES)
  test(`held time: ${name}`, () => assert.equal(heldMs(records, "t", 1_000), wanted));
