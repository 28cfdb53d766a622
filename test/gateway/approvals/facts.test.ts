/** What makes a destination worth a second look, and whose digest joins whose card. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf, factsOf, needsConfirmation, risksOf } from "../../../src/gateway/approvals/facts.ts";
import type { Question } from "../../../src/gateway/egress/proxy/index.ts";

const question = (more: Partial<Question>): Question => ({
  ...{ sandboxId: "p_a", scheme: "tunnel", host: "api.example.com", kind: "name", idn: false, port: 443 },
  policyHash: "h",
  ...more,
});

describe("risks", () => {
  const cases: [what: string, more: Partial<Question>, risks: string[]][] = [
    ["a plain name", {}, []],
    ["an IPv4 address", { host: "93.184.216.34", kind: "ipv4" }, ["ip"]],
    ["an IPv6 address", { host: "2606:2800::1", kind: "ipv6" }, ["ip"]],
    ["an internationalised name", { host: "xn--80ak6aa92e.com", idn: true }, ["idn"]],
    ["a paste service", { host: "pastebin.com" }, ["paste"]],
    ["a name below one", { host: "a.b.paste.rs" }, ["paste"]],
    ["a name that only ends like one", { host: "notpastebin.com" }, []],
    ["a tunnel service", { host: "abc.trycloudflare.com" }, ["tunnel"]],
    ["dynamic DNS", { host: "me.duckdns.org" }, ["dyndns"]],
    ["an address in a name", { host: "10.0.0.1.nip.io" }, ["dyndns"]],
    ["a reading method", { scheme: "http", method: "HEAD", path: "/" }, []],
    ...["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "WEBSOCKET"].map(
      (method): [string, Partial<Question>, string[]] => [
        method,
        { scheme: "http", method, path: "/" },
        ["write"],
      ],
    ),
  ];
  for (const [what, more, risks] of cases) {
    test(`${what}: ${risks.join(", ") || "none"}`, () => {
      const facts = factsOf(question(more));
      assert.deepEqual(risksOf(facts, new Set([facts.host])), risks);
      assert.deepEqual(risksOf(facts, new Set()), [...risks, "first-time"]);
      assert.equal(needsConfirmation(risksOf(facts, new Set())), risks.length > 0, "asked once more");
    });
  }
});

test("whatever is shown makes another card", () => {
  const base = question({ scheme: "http", port: 80, method: "GET", path: "/", binary: "/usr/bin/curl" });
  const others: Partial<Question>[] = [
    ...[{ sandboxId: "p_b" }, { scheme: "tunnel" as const }, { host: "b.example.com" }, { port: 8080 }],
    ...[{ method: "HEAD" }, { path: "/x" }, { binary: "/usr/bin/wget" }, { policyHash: "i" }],
  ];
  const digests = [base, ...others.map((more) => ({ ...base, ...more }))].map(digestOf);
  const { binary: _, ...unknown } = base;
  assert.equal(new Set([...digests, digestOf(unknown)]).size, others.length + 2);
  assert.equal(digestOf({ ...base }), digests[0]);
});
