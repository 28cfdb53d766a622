/** One person, two platforms: who may join whose sandbox, and who may not. Rows of a table over a book in memory. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { beginLink, joinLink, pressLink, unlink } from "../../src/access/links.ts";
import { block, letIn, ownPrincipal, setRole } from "../../src/access/people.ts";
import { newCode } from "../../src/lib/codes.ts";
import { from, hash, TestBook, wish } from "./book.ts";

const ANN = "telegram:100";
const ANN_D = "discord:100";
const EVE = "telegram:666";
const MINUTE = 60_000;

const allow = (t: TestBook, ...people: string[]) =>
  people.map((one) => t.do((d) => letIn(d, one, { source: "operator", by: "test" })));

describe("links", () => {
  /** Ann asks on Telegram; her Discord identity brings the code. */
  function asked(): { t: TestBook; ref: string } {
    const t = new TestBook();
    allow(t, ANN, ANN_D, EVE);
    const code = newCode("link");
    t.do((d) => beginLink(d, wish("link", { ...from(ANN), code: hash("link", code) })));
    assert.equal(
      t.do((d) => joinLink(d, wish("join", { ...from(ANN_D), code: hash("link", code) }))).kind,
      "link-asked",
    );
    const [ref = ""] = t.book.links.keys();
    return { t, ref };
  }
  const press = (t: TestBook, ref: string, by: string, verb: string) =>
    t.do((d) => pressLink(d, d.links.get(ref)!, by, verb)).kind;

  it("needs both sides, each with both identities before their eyes; roles don't travel", () => {
    const { t, ref } = asked();
    t.do((d) => setRole(d, ANN, "admin", true));
    const notes = t.notes.filter(({ note }) => note.ref === ref).map(({ note }) => note.params);
    assert.deepEqual(
      notes.map(({ mine, other }) => [mine, other]),
      [
        [ANN, ANN_D],
        [ANN_D, ANN],
      ],
    );
    assert.equal(press(t, ref, ANN, "y"), "link-waits");
    assert.equal(press(t, ref, ANN, "y"), "link-waits", "one side twice is one side");
    assert.equal(press(t, ref, EVE, "y"), "stranger");
    assert.equal(t.book.people.get(ANN_D)?.principal, ownPrincipal(ANN_D));
    assert.equal(press(t, ref, ANN_D, "y"), "approved");
    assert.equal(t.book.people.get(ANN_D)?.principal, ownPrincipal(ANN));
    assert.deepEqual(t.book.people.get(ANN_D)?.roles, []);
    assert.deepEqual(t.principal(ownPrincipal(ANN)).deciders, [ANN, ANN_D].sort());
    assert.equal(t.principal(ownPrincipal(ANN_D)).shut, false, "kept");
  });

  it("either side can say no, and come apart again with its own sandbox back", () => {
    const { t, ref } = asked();
    press(t, ref, ANN, "y");
    assert.equal(press(t, ref, ANN_D, "n"), "rejected");
    assert.equal(t.book.links.size, 0);
    for (const side of [ANN, ANN_D]) {
      const linked = asked();
      press(linked.t, linked.ref, ANN, "y");
      press(linked.t, linked.ref, ANN_D, "y");
      assert.equal(linked.t.do((d) => unlink(d, wish("unlink", { by: side }))).kind, "unlinked");
      assert.equal(linked.t.book.people.get(ANN_D)?.principal, ownPrincipal(ANN_D));
      assert.equal(linked.t.book.people.get(ANN)?.principal, ownPrincipal(ANN));
      assert.equal(linked.t.do((d) => unlink(d, wish("unlink", { by: side }))).kind, "link-none");
    }
  });

  it("a block of one side blocks the person, and ends what was asked", () => {
    const { t, ref } = asked();
    t.do((d) => block(d, ANN, "test"));
    assert.equal(t.book.links.has(ref), false);
    const linked = asked();
    press(linked.t, linked.ref, ANN, "y");
    press(linked.t, linked.ref, ANN_D, "y");
    linked.t.do((d) => block(d, ANN_D, "test"));
    assert.equal(linked.t.book.people.get(ANN)?.state, "blocked");
    assert.equal(linked.t.principal(ownPrincipal(ANN)).shut, true);
  });

  const ROWS: [what: string, who: string, before: (t: TestBook) => void, want: string][] = [
    ["by a stranger", "discord:5", () => {}, "quiet"],
    ["by who is blocked", ANN_D, (t) => t.do((d) => block(d, ANN_D, "test")), "quiet"],
    ["after ten minutes", ANN_D, (t) => t.pass(10 * MINUTE), "wrong-code"],
    ["on the same platform", EVE, () => {}, "link-same-platform"],
    ["of somebody who was blocked since", ANN_D, (t) => t.do((d) => block(d, ANN, "test")), "wrong-code"],
    [
      "after five wrong ones",
      ANN_D,
      (t) => {
        for (let i = 0; i < 5; i++)
          t.do((d) => joinLink(d, wish("join", { ...from(ANN_D), code: hash("link", newCode("link")) })));
      },
      "too-many-tries",
    ],
    [
      "after another one was made",
      ANN_D,
      (t) => t.do((d) => beginLink(d, wish("link", { ...from(ANN), code: hash("link", newCode("link")) }))),
      "wrong-code",
    ],
  ];
  for (const [what, who, before, want] of ROWS)
    it(`a code ${what}: ${want}`, () => {
      const t = new TestBook();
      allow(t, ANN, ANN_D, EVE);
      const code = newCode("link");
      t.do((d) => beginLink(d, wish("link", { ...from(ANN), code: hash("link", code) })));
      before(t);
      assert.equal(
        t.do((d) => joinLink(d, wish("join", { ...from(who), code: hash("link", code) }))).kind,
        want,
      );
      assert.equal(t.book.links.size, 0);
    });
});
