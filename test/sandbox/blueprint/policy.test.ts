/** The shipped default policy: it loads, opens nothing, and says truthfully how a sandbox is made. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { formatNotices, loadPolicy } from "../../../src/gateway/policy/index.ts";
import { INSIDE, INSIDE_UID } from "../../../src/sandbox/host/inside.ts";
import { resolveBlueprint } from "../../../src/sandbox/index.ts";

const root = join(import.meta.dirname, "..", "..", "..");

test("the blueprint's default policy allows nothing, asks, and matches the sandbox's layout", async () => {
  const { policy } = await resolveBlueprint(root);
  assert.equal(policy.unknown, "ask");
  const { file, text } = policy.default ?? { file: "", text: "" };
  const loaded = loadPolicy(file, text);
  assert.ok(loaded.ok, loaded.ok ? "" : formatNotices(loaded.problems));
  assert.deepEqual([loaded.value.rules, loaded.value.denials, loaded.warnings], [[], [], []]);
  const { filesystem, process, landlock } = loaded.value.fixed;
  assert.ok(filesystem?.readWrite.includes(INSIDE.home));
  assert.ok(!filesystem?.readOnly.includes(INSIDE.home));
  assert.deepEqual(process, { runAsUser: String(INSIDE_UID), runAsGroup: String(INSIDE_UID) });
  assert.equal(landlock, "hard_requirement");
});
