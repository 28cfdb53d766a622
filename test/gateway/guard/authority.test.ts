import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatAuthority, parseAuthority, parseHost } from "../../../src/gateway/egress/guard/index.ts";

const GOOD: [string, string, number, ("name" | "ipv4" | "ipv6")?][] = [
  ["api.example.com:443", "api.example.com", 443],
  ["API.Example.COM:443", "api.example.com", 443],
  ["api.example.com.:443", "api.example.com", 443],
  ["a:1", "a", 1],
  ["a-b.c--d.example:65535", "a-b.c--d.example", 65535],
  ["1password.com:443", "1password.com", 443],
  ["123.example.com:80", "123.example.com", 80],
  ["0xabc.example.com:80", "0xabc.example.com", 80],
  ["8.8.8.8:53", "8.8.8.8", 53, "ipv4"],
  ["[2606:4700:4700::1111]:443", "2606:4700:4700::1111", 443, "ipv6"],
  ["[2606:4700:4700:0:0:0:0:1111]:443", "2606:4700:4700::1111", 443, "ipv6"],
  ["[::FFFF:1.2.3.4]:443", "::ffff:102:304", 443, "ipv6"],
  [`${"a".repeat(63)}.example:443`, `${"a".repeat(63)}.example`, 443],
];

const BAD: [string, string][] = [
  ["", "empty"],
  [":443", "empty"],
  ["api.example.com", "no_port"],
  ["api.example.com:", "bad_port"],
  ["api.example.com:0", "bad_port"],
  ["api.example.com:00443", "bad_port"],
  ["api.example.com:+443", "bad_character"],
  ["api.example.com:-1", "bad_port"],
  ["api.example.com:65536", "bad_port"],
  ["api.example.com:443x", "bad_port"],
  ["api.example.com:443:443", "bad_port"],
  ["evil.com:443.api.example.com:443", "bad_port"],
  ["api.example.com..:443", "bad_label"],
  [".example.com:443", "bad_label"],
  ["a..b:443", "bad_label"],
  ["-a.example:443", "bad_label"],
  ["a-.example:443", "bad_label"],
  ["a_b.example:443", "bad_character"],
  [`${"a".repeat(64)}.example:443`, "bad_label"],
  [`${"a.".repeat(130)}com:443`, "too_long"],
  ["[api.example.com]:443", "bad_brackets"],
  ["[::1:443", "bad_brackets"],
  ["[::1]443", "bad_brackets"],
  ["::1:443", "empty"],
  ["a]:443", "bad_brackets"],
  ["[1::2::3]:443", "bad_ipv6"],
  ["[fe80::1%eth0]:80", "zone_id"],
  ["[fe80::1%25eth0]:80", "zone_id"],
  ["user@example.com:443", "userinfo"],
  ["api.example.com\\@evil.com:443", "userinfo"],
  ["evil.com#api.example.com:443", "bad_character"],
  ["127.0.0.1%00.example.com:80", "bad_character"],
  ["а.example:443", "bad_character"],
  ["1。1。1。1:80", "bad_character"],
  ["a b:443", "bad_character"],
  ["a\u0000b:443", "bad_character"],
  ["a/b:443", "bad_character"],
  ["127.1:80", "numeric_host"],
  ["127.0.1:80", "numeric_host"],
  ["2130706433:80", "numeric_host"],
  ["0x7f000001:80", "numeric_host"],
  ["0x7f.0.0.1:80", "numeric_host"],
  ["0177.0.0.1:80", "numeric_host"],
  ["127.0.0.0x1:80", "numeric_host"],
  ["127.0.0.01:80", "numeric_host"],
  ["256.0.0.1:80", "numeric_host"],
  ["1.2.3.4.5:80", "numeric_host"],
  ["127.0.0.1.:80", "numeric_host"],
  ["example.0x:80", "numeric_host"],
  ["0:80", "numeric_host"],
];

describe("authority parser", () => {
  for (const [text, host, port, kind = "name"] of GOOD) {
    it(`takes ${text.slice(0, 60)}`, () => {
      const parsed = parseAuthority(text);
      assert.ok(parsed.ok);
      assert.deepEqual(
        { host: parsed.value.host, port: parsed.value.port, kind: parsed.value.kind },
        { host, port, kind },
      );
      assert.equal(Boolean(parsed.value.ip), kind !== "name");
    });
  }
  for (const [text, fault] of BAD) {
    it(`refuses ${JSON.stringify(text.slice(0, 60))}: ${fault}`, () => {
      assert.deepEqual(parseAuthority(text), { ok: false, fault });
    });
  }
  it("takes the default port only when the port is absent", () => {
    const absent = parseAuthority("example.com", 80);
    assert.equal(absent.ok && absent.value.port, 80);
    assert.equal(parseAuthority("example.com:", 80).ok, false);
  });
  it("flags punycode", () => {
    const parsed = parseHost("xn--pi-6kc.example.com");
    assert.ok(parsed.ok && parsed.value.idn);
  });
  it("writes what it reads", () => {
    for (const text of ["example.com:8443", "[2606:4700::1]:443"]) {
      const parsed = parseAuthority(text);
      assert.ok(parsed.ok);
      assert.equal(formatAuthority(parsed.value), text);
    }
    const parsed = parseAuthority("example.com:80");
    assert.equal(parsed.ok && formatAuthority(parsed.value, 80), "example.com");
  });
});
