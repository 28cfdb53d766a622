import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HostIndex } from "../../../src/gateway/policy/compile.ts";
import { compileGlob, globFault } from "../../../src/gateway/policy/glob.ts";
import { matchesHost, overlaps, parseHostPattern } from "../../../src/gateway/policy/hosts.ts";

const pattern = (text: string, wide = false) => {
  const parsed = parseHostPattern(text, wide);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  return parsed.pattern;
};

const MATCHES: [pattern: string, host: string, matches: boolean][] = [
  ["api.example.com", "api.example.com", true],
  ["API.Example.com.", "api.example.com", true],
  ["api.example.com", "evilapi.example.com", false],
  ["api.example.com", "api.example.com.evil.test", false],
  ["*.example.com", "a.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "a.b.example.com", false],
  ["*.example.com", "notexample.com", false],
  ["*.example.com", "xexample.com", false],
  ["**.example.com", "a.example.com", true],
  ["**.example.com", "a.b.c.example.com", true],
  ["**.example.com", "example.com", false],
  ["**.example.com", "aexample.com", false],
  ["*-api.example.com", "eu-api.example.com", true],
  ["*-api.example.com", "-api.example.com", false],
  ["*-api.example.com", "api.example.com", false],
  ["*-api.example.com", "a.eu-api.example.com", false],
  ["*-api.example.com", "eu-api2.example.com", false],
  ["8.8.8.8", "8.8.8.8", true],
  ["2606:4700::1111", "2606:4700::1111", true],
  ["[2606:4700:0::1111]", "2606:4700::1111", true],
];

const REFUSED: [string, RegExp][] = [
  ["*", /every host/],
  ["**", /every host/],
  ["*.com", /top-level/],
  ["**.com", /top-level/],
  ["*-x.com", /top-level/],
  ["foo.**.example.com", /wildcard/],
  ["foo.us-*.example.com", /wildcard/],
  ["a*.example.com", /wildcard/],
  ["*a.example.com", /wildcard/],
  ["*.*.example.com", /wildcard/],
  ["**-x.example.com", /wildcard/],
  ["*.8.8.8.8", /not a host name/],
  ["exa mple.com", /not a host name/],
  ["example.com:443", /not a host name/],
  ["http://example.com", /not a host name/],
  ["bücher.example", /xn--bcher-kva\.example/],
  ["127.1", /not a host name/],
  ["", /not a host name/],
];

const OVERLAPS: [string, string, boolean][] = [
  ["a.example.com", "a.example.com", true],
  ["a.example.com", "b.example.com", false],
  ["*.example.com", "a.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "*.example.com", true],
  ["*.example.com", "*.b.example.com", false],
  ["*.example.com", "**.example.com", true],
  ["*.example.com", "**.b.example.com", false],
  ["*.b.example.com", "**.example.com", true],
  ["**.example.com", "**.b.example.com", true],
  ["**.example.com", "**.example.org", false],
  ["*-x.example.com", "*.example.com", true],
  ["*-x.example.com", "*-y.example.com", false],
  ["*-x.example.com", "*-a-x.example.com", true],
  ["*-x.example.com", "eu-x.example.com", true],
];

describe("host patterns", () => {
  for (const [text, host, matches] of MATCHES) {
    it(`${text} ${matches ? "matches" : "does not match"} ${host}`, () => {
      assert.equal(matchesHost(pattern(text), host), matches);
      const index = new HostIndex<string>();
      index.add(pattern(text), "hit");
      // The index must agree with the reference; a neighbour of each kind keeps its short cuts honest.
      index.add(pattern("*.other.test"), "other");
      index.add(pattern("**.other.test"), "other");
      const literal = /^[\d.]+$|:/.test(host);
      assert.deepEqual(index.find(host, literal), matches ? ["hit"] : []);
    });
  }
  for (const [text, message] of REFUSED) {
    it(`refuses ${JSON.stringify(text)} and names it`, () => {
      const parsed = parseHostPattern(text);
      assert.ok(!parsed.ok);
      assert.match(parsed.message, message);
      assert.ok(parsed.message.includes(JSON.stringify(text)));
    });
  }
  it("lets denials be wider than rules", () => {
    assert.equal(pattern("*.com", true).text, "*.com");
    assert.equal(parseHostPattern("*", true).ok, false);
  });
  for (const [a, b, expected] of OVERLAPS) {
    it(`${a} and ${b} ${expected ? "overlap" : "are apart"}`, () => {
      assert.equal(overlaps(pattern(a), pattern(b)), expected);
      assert.equal(overlaps(pattern(b), pattern(a)), expected);
    });
  }
});

const GLOBS: [glob: string, text: string, path: boolean, program: boolean][] = [
  ["/**", "/", true, true],
  ["/**", "/a/b", true, true],
  ["/v1/*", "/v1/a", true, true],
  ["/v1/*", "/v1/a/b", true, false],
  ["/v1/*", "/v1", false, false],
  ["/bot*/send", "/bot1:a/send", true, true],
  ["/bot*/send", "/bot1/x/send", true, false],
  ["/a/**/z", "/a/b/c/z", true, true],
  ["/a?c", "/abc", true, true],
  ["/a?c", "/a/c", false, false],
  ["/v[0-9]/x", "/v2/x", true, true],
  ["/v[0-9]/x", "/va/x", false, false],
  ["/v[!0]/x", "/v1/x", true, true],
  ["/v[!0]/x", "/v0/x", false, false],
  ["/usr/bin/*", "/usr/bin/git", true, true],
  ["/usr/bin/*", "/usr/bin/x/git", true, false],
  ["/usr/**/git", "/usr/lib/git-core/git", true, true],
  ["abc", "abc", true, true],
  ["abc", "abcd", false, false],
  ["", "", true, true],
  ["a.c", "abc", false, false],
];

describe("globs", () => {
  for (const [glob, text, path, program] of GLOBS) {
    it(`${glob} on ${text}`, () => {
      assert.equal(compileGlob(glob)(text), path);
      assert.equal(compileGlob(glob, true)(text), program);
    });
  }
  it("stays fast on hostile patterns", () => {
    const started = performance.now();
    assert.equal(compileGlob("*a".repeat(100))(`${"a".repeat(4000)}b`), false);
    assert.ok(performance.now() - started < 1000);
  });
  it("names broken classes", () => {
    assert.match(globFault("/[abc") ?? "", /class/);
    assert.match(globFault("/a]") ?? "", /class/);
    assert.equal(globFault("/[a-z]/[!0]"), undefined);
  });
});
