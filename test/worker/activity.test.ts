/** What the worker shows live: tools and changed files as the sandbox tells them, and how each sandbox is. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { adminCall } from "../../src/lib/admin/client.ts";
import type { FeedPage } from "../../src/lib/feed.ts";
import { principalOf } from "../../src/lib/ids.ts";
import type { SandboxNow, WorkerActivity } from "../../src/worker/index.ts";
import { eventually, Harness } from "./helpers/harness.ts";

describe("the worker's activity", () => {
  let h: Harness;
  before(async () => {
    h = await Harness.start();
    await h.worker();
  });
  after(() => h.stop());
  const read = (params: object = {}) =>
    adminCall<FeedPage<WorkerActivity> & { sandboxes: SandboxNow[] }>(
      h.paths.workerAdminSocket,
      "activity.read",
      params,
    );

  it("shows tool calls with their turn, and the sandbox", async () => {
    await h.say("ann", "tool");
    await h.until("ann", 1);
    const { items, sandboxes } = await read();
    const id = principalOf("console", "ann");
    const tools = items.flatMap((item) => (item.kind === "tool" ? [item] : []));
    assert.deepEqual(
      tools.map(({ phase, name }) => `${phase} ${name}`),
      ["start exec", "end exec"],
    );
    assert.ok(tools.every(({ sandboxId, turnId }) => sandboxId === id && turnId.startsWith("t_")));
    await eventually(async () => (await read()).sandboxes[0]?.turns === 0);
    assert.deepEqual(
      sandboxes.map(({ id: one, phase }) => [one, phase]),
      [[id, "warm"]],
    );
  });

  it("asks the guests for changed files when somebody looks, not before, not each time", async () => {
    const asked = () => h.guest("bob").commands.filter(({ command }) => command.type === "watch").length;
    await h.say("bob", "hello");
    await h.until("bob", 1);
    await read();
    await eventually(() => asked() === 1);
    await read();
    assert.equal(asked(), 1);
  });

  it("shows changed files, cut to a bound, the moment they are told", async () => {
    const { epoch, seq } = await read();
    const waiting = read({ epoch, after: seq, waitMs: 5_000 });
    const changes = Array.from({ length: 80 }, (_, i) => ({
      op: "write" as const,
      path: `${i}/${"x".repeat(600)}`,
    }));
    h.guest("bob").tellFiles(changes, 7);
    const [item] = (await waiting).items;
    assert.ok(item?.kind === "files");
    assert.equal(item.sandboxId, principalOf("console", "bob"));
    assert.equal(item.changes.length, 64);
    assert.equal(item.more, 7);
    assert.ok(item.changes.every(({ path }) => path.length === 512));
  });

  it("keeps what others did in sight while one guest floods", async () => {
    await h.say("ann", "tool");
    await h.until("ann", 2);
    for (let i = 0; i < 3_000; i++) h.guest("bob").tellFiles([{ op: "write", path: `flood-${i}` }], 0);
    const bob = principalOf("console", "bob");
    const ofBob = async () => (await read()).items.filter(({ sandboxId }) => sandboxId === bob).length;
    await eventually(async () => (await ofBob()) > 90);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok((await ofBob()) <= 200, "two windows at most");
    assert.ok((await read()).items.some(({ kind, sandboxId }) => kind === "tool" && sandboxId !== bob));
  });

  it("ends a guest's connection that tells something else as a change", async () => {
    const guest = h.guest("bob");
    guest.tellFiles([{ op: "chmod", path: "x" } as never]);
    await eventually(() => !guest.connected);
    guest.violations.length = 0;
  });
});
