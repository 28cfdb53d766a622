import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { derivedId, newId, OPERATOR_PRINCIPAL, principalOf } from "../../src/lib/ids.ts";
import { PrincipalId } from "../../src/store/index.ts";

describe("ids", () => {
  it("random ids have their prefix, 20 readable characters, and don't repeat", () => {
    const ids = Array.from({ length: 2_000 }, () => newId("t"));
    for (const id of ids) assert.match(id, /^t_[a-hj-km-np-z0-9]{20}$/);
    assert.equal(new Set(ids).size, ids.length);
  });

  it("derived ids depend on every part and on where a part ends", () => {
    assert.equal(derivedId("p", "a", "b"), derivedId("p", "a", "b"));
    const others = [
      derivedId("p", "ab"),
      derivedId("p", "a", "b", ""),
      derivedId("p", "b", "a"),
      derivedId("q", "a", "b"),
    ];
    for (const other of others) assert.notEqual(other, derivedId("p", "a", "b"));
  });

  it("a principal is valid in the store and differs by platform", () => {
    assert.equal(PrincipalId.safeParse(principalOf("telegram", "42")).success, true);
    assert.notEqual(principalOf("telegram", "42"), principalOf("discord", "42"));
    assert.equal(OPERATOR_PRINCIPAL, principalOf("console", "operator"));
  });
});
