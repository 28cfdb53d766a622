import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Allowance,
  type Authority,
  createGuard,
  NO_ALLOWANCE,
  parseAuthority,
  parseCidr,
  type Resolver,
} from "../../../src/gateway/egress/guard/index.ts";

const target = (text: string): Authority => {
  const parsed = parseAuthority(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
};

const OPERATOR: Allowance = { exactOperator: true, portNamed: true };
const within = (...networks: string[]): Allowance => ({
  exactOperator: false,
  portNamed: true,
  allowedIps: networks.map((text) => parseCidr(text)!),
});

/** A resolver of fixed answers that counts its questions. */
function answers(table: Record<string, string[]>): Resolver & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    resolve: async (host) => {
      asked.push(host);
      return table[host] ?? [];
    },
  };
}

const guardWith = (
  table: Record<string, string[]>,
  own: string[] = ["192.168.7.7", "2a00:1::7", "8.8.4.4"],
) => {
  const resolver = answers(table);
  return { resolver, guard: createGuard({ resolver, ownAddresses: () => own }) };
};

const CASES: [name: string, target: string, addresses: string[], allowance: Allowance, expected: string][] = [
  ["public address", "a.test:443", ["93.184.216.34"], NO_ALLOWANCE, "ok"],
  ["private without a rule that opens it", "a.test:443", ["10.0.0.5"], NO_ALLOWANCE, "private"],
  ["private by the operator's exact rule", "a.test:443", ["10.0.0.5"], OPERATOR, "ok"],
  ["unique local by the operator's exact rule", "a.test:443", ["fd12::5"], OPERATOR, "ok"],
  ["cgnat by the operator's exact rule", "a.test:443", ["100.64.1.1"], OPERATOR, "ok"],
  ["private inside allowed_ips", "a.test:443", ["10.0.5.9"], within("10.0.5.0/24"), "ok"],
  ["private outside allowed_ips", "a.test:443", ["10.0.6.9"], within("10.0.5.0/24"), "not_in_allowed_ips"],
  ["public outside allowed_ips", "a.test:443", ["8.8.8.8"], within("10.0.5.0/24"), "not_in_allowed_ips"],
  ["loopback despite the exact rule", "a.test:443", ["127.0.0.1"], OPERATOR, "loopback"],
  ["loopback despite allowed_ips", "a.test:443", ["127.0.0.1"], within("127.0.0.0/8"), "loopback"],
  ["metadata despite the exact rule", "a.test:80", ["169.254.169.254"], OPERATOR, "metadata"],
  ["metadata in ULA despite the exact rule", "a.test:80", ["fd00:ec2::254"], OPERATOR, "metadata"],
  ["link-local despite allowed_ips", "a.test:80", ["169.254.1.1"], within("169.254.0.0/16"), "link_local"],
  ["mapped private despite the exact rule", "a.test:80", ["::ffff:10.0.0.5"], OPERATOR, "embedded_ipv4"],
  ["own private address despite the exact rule", "a.test:80", ["192.168.7.7"], OPERATOR, "own_address"],
  ["own public address", "a.test:80", ["8.8.4.4"], NO_ALLOWANCE, "own_address"],
  ["own address, mapped", "a.test:80", ["::ffff:8.8.4.4"], NO_ALLOWANCE, "own_address"],
  ["own IPv6 address", "a.test:80", ["2a00:1::7"], OPERATOR, "own_address"],
  ["redis on an opened private address", "a.test:6379", ["10.0.0.5"], OPERATOR, "control_port"],
  ["docker inside allowed_ips", "a.test:2375", ["10.0.5.9"], within("10.0.5.0/24"), "control_port"],
  ["postgres on a public address, any rule", "a.test:5432", ["8.8.8.8"], NO_ALLOWANCE, "control_port"],
  ["postgres on a public address, operator names host and port", "a.test:5432", ["8.8.8.8"], OPERATOR, "ok"],
  [
    "postgres, operator's rule for any port",
    "a.test:5432",
    ["8.8.8.8"],
    { exactOperator: true, portNamed: false },
    "control_port",
  ],
  ["one bad answer refuses all", "a.test:443", ["93.184.216.34", "127.0.0.1"], OPERATOR, "loopback"],
  ["an answer that is no address", "a.test:443", ["0x7f.1"], NO_ALLOWANCE, "bad_answer"],
  ["an answer with a zone", "a.test:443", ["fe80::1%eth0"], OPERATOR, "bad_answer"],
  ["no answer", "a.test:443", [], NO_ALLOWANCE, "resolver_empty"],
  ["literal public", "8.8.8.8:443", [], NO_ALLOWANCE, "ok"],
  ["literal private", "10.0.0.5:443", [], NO_ALLOWANCE, "private"],
  ["literal private by the exact rule", "10.0.0.5:443", [], OPERATOR, "ok"],
  ["the forwarder itself", "127.0.0.1:3128", [], OPERATOR, "self_connection"],
  ["the forwarder by name", "localhost:3128", [], OPERATOR, "self_connection"],
  ["host alias despite the exact rule", "host.docker.internal:80", ["10.0.0.5"], OPERATOR, "host_alias"],
  ["private name without a rule", "git.corp:443", ["93.184.216.34"], NO_ALLOWANCE, "private_name"],
  ["private name by the exact rule", "git.corp:443", ["10.0.0.5"], OPERATOR, "ok"],
  ["spelled loopback by the exact rule", "127.0.0.1.nip.io:80", ["127.0.0.1"], OPERATOR, "loopback"],
];

describe("address guard", () => {
  for (const [name, to, addresses, allowance, expected] of CASES) {
    it(`${name}: ${expected}`, async () => {
      const { guard, resolver } = guardWith({ [target(to).host]: addresses });
      const verdict = await guard.check(target(to), allowance);
      assert.equal(verdict.ok ? "ok" : verdict.reason, expected);
      if (verdict.ok && addresses.length > 0)
        assert.deepEqual(
          verdict.addresses.map((ip) => ip.text),
          addresses,
        );
      assert.ok(resolver.asked.length <= 1, "asked once at most");
      if (guard.precheck(target(to), allowance))
        assert.equal(resolver.asked.length, 0, "nothing resolved after a no by name");
    });
  }

  it("asks anew for each check, so that a re-pointed name is caught after a hold", async () => {
    const table: Record<string, string[]> = { "rebind.test": ["93.184.216.34"] };
    const { guard } = guardWith(table);
    assert.ok((await guard.check(target("rebind.test:443"), NO_ALLOWANCE)).ok);
    table["rebind.test"] = ["10.0.0.5"];
    const second = await guard.check(target("rebind.test:443"), NO_ALLOWANCE);
    assert.equal(second.ok ? "" : second.reason, "private");
  });

  it("gives up on a resolver that never answers, and tells a failure from an absent name", async () => {
    const hanging = createGuard({ resolver: { resolve: () => new Promise(() => {}) }, resolveTimeoutMs: 50 });
    const started = performance.now();
    const verdict = await hanging.check(target("slow.test:443"), NO_ALLOWANCE);
    assert.equal(verdict.ok ? "" : verdict.reason, "resolver_timeout");
    assert.ok(performance.now() - started < 600);
    const failing = createGuard({ resolver: { resolve: () => Promise.reject(new Error("SERVFAIL")) } });
    const failed = await failing.check(target("a.test:443"), NO_ALLOWANCE);
    assert.equal(failed.ok ? "" : failed.reason, "resolver_failed");
  });

  it("stops waiting when the caller leaves", async () => {
    const guard = createGuard({ resolver: { resolve: () => new Promise(() => {}) } });
    const verdict = await guard.check(target("a.test:443"), NO_ALLOWANCE, AbortSignal.abort());
    assert.equal(verdict.ok, false);
  });

  it("knows this machine's own addresses by itself", async () => {
    const guard = createGuard({ resolver: answers({}) });
    assert.equal(guard.precheck(target("127.0.0.1:80"), OPERATOR)?.reason, "loopback");
  });
});
