import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hashOfCode, newCode } from "../../src/lib/codes.ts";

describe("one-time codes", () => {
  it("have the strength that each kind needs", () => {
    const bits = (code: string) => code.replaceAll("-", "").length * 5;
    assert.equal(bits(newCode("pairing")), 40);
    assert.ok(bits(newCode("claim")) >= 64);
    assert.ok(bits(newCode("link")) >= 64);
    assert.equal(new Set(Array.from({ length: 2_000 }, () => newCode("claim"))).size, 2_000);
  });

  it("are read however they are typed", () => {
    const code = newCode("claim");
    const hash = hashOfCode("claim", code);
    assert.match(hash ?? "", /^[0-9a-f]{64}$/);
    for (const typed of [code.toUpperCase(), code.replaceAll("-", ""), ` ${code.replaceAll("-", " – ")}\n`])
      assert.equal(hashOfCode("claim", typed), hash, typed);
  });

  const NONE: [what: string, typed: string][] = [
    ["too short", "abcd-efgh-jkmn-pqr"],
    ["too long", "abcd-efgh-jkmn-pqrst"],
    ["a letter that looks like another", "abcd-efgh-jkmn-pqri"],
    ["other scripts", "аbcd-efgh-jkmn-pqrs"],
    ["nothing", ""],
  ];
  for (const [what, typed] of NONE)
    it(`refuses ${what}`, () => assert.equal(hashOfCode("claim", typed), undefined));

  it("a code of one kind is none of another", () => {
    const code = newCode("claim");
    assert.notEqual(hashOfCode("claim", code), hashOfCode("link", code));
  });
});
