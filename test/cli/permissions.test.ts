/** What `destroy` takes back of a sandbox's permissions, over a gateway's admin socket that remembers what it was asked. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import pino from "pino";
import { z } from "zod";
import { removePermissions } from "../../src/cli/sandbox/permissions.ts";
import { adminMethod } from "../../src/lib/admin/methods.ts";
import { serveAdmin } from "../../src/lib/admin/server.ts";
import { pathsOf } from "../../src/lib/paths.ts";

const ID = `p_${"a".repeat(20)}`;

test("standing rules are revoked one by one, then the policy goes; without a gateway it is said", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "nc-perm-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const paths = pathsOf(home);
  const sandbox = { id: ID, name: "box", paths } as Parameters<typeof removePermissions>[0];
  assert.equal(await removePermissions(sandbox), false);

  const asked: unknown[][] = [];
  const method = (name: string, answer: unknown) =>
    adminMethod(z.unknown(), async (params) => {
      asked.push([name, params]);
      return answer;
    });
  const rules = [{ ruleId: "r_1" }, { ruleId: "r_2" }];
  const server = await serveAdmin(
    paths.adminSocket,
    {
      "rules.list": method("rules.list", rules),
      "rules.revoke": method("rules.revoke", { removed: true }),
      "policy.delete": method("policy.delete", { kind: "unchanged" }),
    },
    pino({ level: "silent" }),
  );
  t.after(() => server.close());
  assert.equal(await removePermissions(sandbox), true);
  assert.deepEqual(asked.slice(0, 3), [
    ["rules.list", { sandbox: ID }],
    ["rules.revoke", { sandbox: ID, rule: "r_1" }],
    ["rules.revoke", { sandbox: ID, rule: "r_2" }],
  ]);
  const [last, params] = asked[3] ?? [];
  assert.equal(last, "policy.delete");
  assert.equal((params as { target: string }).target, ID, "its own, not the default");
});
