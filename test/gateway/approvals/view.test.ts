/** What was allowed for a while ends by its own clock when the store is away. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApprovalView } from "../../../src/gateway/approvals/view.ts";
import type { ApprovalPort, GrantRecord } from "../../../src/store/index.ts";

test("grants end although the store is away; those that still count stay", async () => {
  let away = false;
  const grant = (grantId: string, ms: number) =>
    ({ grantId, scope: "session", host: "a.example", port: 443, expiresAt: Date.now() + ms }) as GrantRecord;
  const kept = [grant("g1", 50), grant("g2", 60_000)];
  const store = {
    grants: async () => (away ? Promise.reject(new Error("away")) : kept),
    rules: async () => [],
  } as unknown as ApprovalPort;
  const view = new ApprovalView("p", store);
  let changes = 0;
  view.onChange(() => changes++);
  await view.refresh();
  away = true;
  await assert.rejects(view.refresh(), /away/);
  assert.deepEqual([view.grants().length, changes], [2, 1]);
  await sleep(60);
  await assert.rejects(view.refresh(), /away/);
  assert.deepEqual([view.grants().map(({ id }) => id), changes], [["g2"], 2]);
});
