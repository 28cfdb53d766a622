/** Who is shut out isn't known while Redis doesn't say: then the gateway doesn't serve, rather than serve everybody. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyPort } from "../../src/gateway/egress/proxy/index.ts";
import { compilePolicy } from "../../src/gateway/policy/index.ts";
import { ShutSandboxes } from "../../src/gateway/shut.ts";
import { silent } from "../helpers/redis.ts";

test("no start without an answer; afterwards the last answer stays", async () => {
  let away = true;
  const access = {
    shut: async () => (away ? Promise.reject(new Error("away")) : new Set(["p_eve"])),
    onChange: async () => async () => {},
  };
  const closed: string[] = [];
  const make = () => new ShutSandboxes(access, silent, async (id) => void closed.push(id));
  await assert.rejects(make().start(), { code: "redis-unreachable" });
  away = false;
  const shut = make();
  await shut.start();
  away = true;
  const policy = compilePolicy({ hash: "open", fallback: "ask", rules: [], denials: [] });
  const port: PolicyPort = { current: () => ({ policy, grants: [] }), onChange: () => () => {} };
  assert.equal(shut.policy("p_eve", port).current().policy.hash, "shut");
  assert.equal(shut.policy("p_ann", port).current().policy.hash, "open");
  await shut.close();
});
