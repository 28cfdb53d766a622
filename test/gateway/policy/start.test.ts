/** The live policies as the gateway's process starts them: settings, file, methods and facts together. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { EgressConfig } from "../../../src/gateway/config.ts";
import { startPolicies } from "../../../src/gateway/policy/live/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { connect } from "./helpers.ts";
import { ANN, allowing, scratch, until } from "./live-kit.ts";

let redis: TestRedis;
const dir = scratch();
before(async () => {
  redis = await startTestRedis();
});
after(async () => {
  await redis.stop();
  dir.remove();
});

describe("the gateway's policies", () => {
  it("follow file and settings, serve the methods, and tell status what is wrong", async () => {
    const store = redis.store("gateway");
    await store.ready();
    const policies = await startPolicies({
      store: store.policies,
      hostId: "host1",
      config: EgressConfig.parse({ unknown: "deny" }),
      policyFile: dir.file("policy.yaml"),
      logger: silent,
    });
    const seen: string[] = [];
    const report = policies.following<{ n: number }>((id, info) => {
      // What the socket's proxy would decide at this moment.
      const { policy } = policies.port(id).current();
      seen.push(`${id} ${info?.n ?? "gone"} ${policy.hash === "none" ? "unread" : "read"}`);
    });
    report(ANN, { n: 1 });
    report(ANN, null);
    report(ANN, { n: 2 });
    await until(() => seen.length === 3);
    assert.deepEqual(seen, [`${ANN} 1 read`, `${ANN} gone read`, `${ANN} 2 read`]);
    const verdict = () => connect(policies.port(ANN).current().policy, "a.example.com:443").verdict;
    assert.deepEqual([verdict(), policies.facts()], ["deny", { policy: "policy as shipped" }]);
    writeFileSync(dir.file("policy.yaml"), allowing("a.example.com"));
    await until(() => verdict() === "allow");
    assert.deepEqual(policies.facts(), { policy: "policy version 1" });
    writeFileSync(dir.file("policy.yaml"), "version: 2\n");
    await until(() => "policyTrouble" in policies.facts());
    assert.match(
      policies.facts()["policyTrouble"]!,
      /^! policy file: .*policy\.yaml:1:10: `version` - expected/,
    );
    assert.equal(verdict(), "allow");
    assert.deepEqual(Object.keys(policies.methods).sort(), [
      "policy.delete",
      "policy.diff",
      "policy.explain",
      "policy.get",
      "policy.list",
      "policy.preset.add",
      "policy.preset.remove",
      "policy.presets",
      "policy.rollback",
      "policy.set",
      "policy.update",
    ]);
    await policies.close();
  });
});

describe("egress: in config.yaml", () => {
  it("has defaults, and refuses what can't be meant", () => {
    assert.deepEqual(EgressConfig.parse({}), { unknown: "ask", audit: { fsync: "second", keepFiles: 30 } });
    const servers = ["10.0.0.1", "10.0.0.1:5353", "2001:db8::1", "[2001:db8::1]:53"];
    assert.deepEqual(EgressConfig.parse({ nameServers: servers }).nameServers, servers);
    for (const wrong of [
      { unknown: "allow" },
      { policyFile: "policy.yaml" },
      { nameServers: ["dns.example.com"] },
      { nameServers: ["1.2.3.4:x"] },
      { resolvr: [] },
    ])
      assert.equal(EgressConfig.safeParse(wrong).success, false, JSON.stringify(wrong));
  });
});
