/** Decisions about people, groups and links: pure functions over a book. What must not happen is a row of a table. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  added,
  allowGroup,
  moveGroup,
  nameApprovers,
  openChannel,
  placePrincipal,
  pressGroup,
  refuseGroup,
} from "../../src/access/groups.ts";
import { sandboxName } from "../../src/access/names.ts";
import { approve, claim, knock, newClaim, pressPairing, waitingFor } from "../../src/access/pairing.ts";
import { block, importStanding, letIn, ownPrincipal, setRole, unblock } from "../../src/access/people.ts";
import { newCode } from "../../src/lib/codes.ts";
import { OPERATOR_PRINCIPAL } from "../../src/lib/ids.ts";
import { from, hash, TestBook, wish } from "./book.ts";

const ADMIN = "telegram:1";
const ANN = "telegram:100";
const ANN_D = "discord:100";
const EVE = "telegram:666";
const GROUP = "telegram:-500";
const MINUTE = 60_000;

/** A book whose admin is known. */
function withAdmin(): TestBook {
  const t = new TestBook();
  const code = newCode("claim");
  t.do((d) => newClaim(d, hash("claim", code)));
  assert.equal(
    t.do((d) => claim(d, wish("claim", { ...from(ADMIN), code: hash("claim", code) }))).kind,
    "claimed",
  );
  return t;
}

const knocks = (t: TestBook, who: string, code = newCode("pairing")) =>
  t.do((d) => knock(d, wish("knock", { ...from(who), code: hash("pairing", code) }))).kind;
const allow = (t: TestBook, ...people: string[]) =>
  people.map((one) => t.do((d) => letIn(d, one, { source: "operator", by: "test" })));

describe("pairing", () => {
  it("a code counts once, for ten minutes, and only the newest", () => {
    const t = withAdmin();
    const [first, second] = [newCode("pairing"), newCode("pairing")];
    assert.equal(knocks(t, ANN, first), "paired");
    t.pass(31_000);
    assert.equal(knocks(t, ANN, second), "paired");
    const known = (code: string) => t.do((d) => waitingFor(d, { hash: hash("pairing", code) }))?.identity;
    assert.equal(known(first), undefined, "replaced");
    assert.equal(known(second), ANN);
    t.pass(10 * MINUTE);
    assert.equal(known(second), undefined, "too old");
    assert.equal(t.do((d) => waitingFor(d, { identity: ANN }))?.identity, ANN, "still waits for a day");
    t.pass(24 * 60 * MINUTE);
    assert.equal(
      t.do((d) => waitingFor(d, { identity: ANN })),
      undefined,
    );
    assert.equal(t.book.people.has(ANN), false, "forgotten");
  });

  it("limits codes per person, per minute and in all, and cards to admins", () => {
    const t = withAdmin();
    assert.equal(knocks(t, EVE), "paired");
    assert.equal(knocks(t, EVE), "quiet");
    for (let i = 0; i < 4; i++) {
      t.pass(31_000);
      assert.equal(knocks(t, EVE), "paired");
    }
    t.pass(31_000);
    assert.equal(knocks(t, EVE), "quiet", "five an hour");
    const kinds = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      t.pass(2_000);
      const kind = knocks(t, `telegram:${10_000 + i}`);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    assert.deepEqual(
      [...kinds],
      [
        ["paired", 199],
        ["full", 101],
      ],
    );
    assert.equal(t.notes.filter(({ note }) => note.code === "access.ask-pairing").length, 10);
    const flood = withAdmin();
    const answers = Array.from({ length: 100 }, (_, i) => knocks(flood, `telegram:${20_000 + i}`));
    assert.equal(answers.filter((kind) => kind === "paired").length, 60, "sixty a minute");
  });

  it("a refused person gets no code for a day and isn't told", () => {
    const t = withAdmin();
    knocks(t, EVE);
    const person = t.book.people.get(EVE)!;
    assert.equal(t.do((d) => pressPairing(d, person, ADMIN, "n")).kind, "rejected");
    assert.equal(t.note("666"), undefined);
    t.pass(60 * MINUTE);
    assert.equal(knocks(t, EVE), "quiet");
    assert.equal(t.do((d) => pressPairing(d, t.book.people.get(EVE)!, ADMIN, "y")).kind, "gone");
    t.pass(23 * 60 * MINUTE);
    assert.equal(knocks(t, EVE), "paired");
  });

  it("nobody is let in where the host can't cage them; the operator is", () => {
    const t = new TestBook();
    t.solo = true;
    const code = newCode("claim");
    t.do((d) => newClaim(d, hash("claim", code)));
    assert.equal(
      t.do((d) => claim(d, wish("claim", { ...from(ADMIN), code: hash("claim", code) }))).kind,
      "claimed",
    );
    knocks(t, ANN);
    const person = t.book.people.get(ANN)!;
    assert.throws(() => t.do((d) => approve(d, person, ADMIN)), { code: "cage-incomplete" });
    assert.throws(() => t.do((d) => allowGroup(d, GROUP, {}, ADMIN)), { code: "cage-incomplete" });
    assert.equal(t.book.people.get(ANN)?.state, "pending");
  });

  it("who was let in before the host lost a protection is shut until it is back; the operator isn't", () => {
    const t = withAdmin();
    allow(t, ANN);
    t.do((d) => allowGroup(d, GROUP, {}, ADMIN));
    t.do((d) => nameApprovers(d, GROUP, { add: [ANN] }));
    const [group, ann] = [placePrincipal(GROUP), ownPrincipal(ANN)];
    t.solo = true;
    t.do(() => undefined);
    for (const one of [group, ann]) assert.deepEqual(t.principal(one), { deciders: [], shut: true });
    assert.deepEqual(t.principal(OPERATOR_PRINCIPAL), { deciders: [ADMIN], shut: false });
    t.solo = false;
    t.do(() => undefined);
    for (const one of [group, ann]) assert.deepEqual(t.principal(one), { deciders: [ANN], shut: false });
  });
});

describe("the claim code", () => {
  const ROWS: [what: string, before: (t: TestBook, code: string) => void, want: string][] = [
    ["fresh", () => {}, "claimed"],
    ["an hour old", (t) => t.pass(60 * MINUTE), "wrong-code"],
    [
      "replaced by a newer one",
      (t) => t.do((d) => newClaim(d, hash("claim", newCode("claim")))),
      "wrong-code",
    ],
    [
      "used by somebody else",
      (t, code) => t.do((d) => claim(d, wish("claim", { ...from(ANN), code: hash("claim", code) }))),
      "wrong-code",
    ],
    ["in the hands of a blocked person", (t) => t.do((d) => block(d, ADMIN, "test")), "wrong-code"],
    [
      "after five wrong ones",
      (t) => {
        for (let i = 0; i < 5; i++)
          t.do((d) => claim(d, wish("claim", { ...from(ADMIN), code: hash("claim", newCode("claim")) })));
      },
      "too-many-tries",
    ],
  ];
  for (const [what, before, want] of ROWS)
    it(`${what}: ${want}`, () => {
      const t = new TestBook();
      const code = newCode("claim");
      t.do((d) => newClaim(d, hash("claim", code)));
      before(t, code);
      assert.equal(
        t.do((d) => claim(d, wish("claim", { ...from(ADMIN), code: hash("claim", code) }))).kind,
        want,
      );
      assert.equal(t.book.people.get(ADMIN)?.roles.includes("admin") ?? false, want === "claimed");
    });

  it("makes the claimer's chat the admin chat and the operator's own", () => {
    const t = withAdmin();
    assert.equal(t.book.people.get(ADMIN)?.principal, OPERATOR_PRINCIPAL);
    assert.equal(t.book.chats.get("telegram.42")?.deliver.chat, "1");
    assert.deepEqual(t.principal(OPERATOR_PRINCIPAL), { deciders: [ADMIN], shut: false });
  });
});

describe("people", () => {
  it("a block takes deciding, roles, codes and the sandbox at once; config.yaml can't undo it", () => {
    const t = withAdmin();
    allow(t, ANN);
    t.do((d) => setRole(d, ANN, "admin", true));
    const own = ownPrincipal(ANN);
    assert.deepEqual(t.principal(own), { deciders: [ANN], shut: false });
    t.do((d) => block(d, ANN, "test"));
    assert.deepEqual(t.principal(own), { deciders: [], shut: true });
    assert.deepEqual(t.book.people.get(ANN)?.roles, []);
    t.do((d) => importStanding(d, [ANN]));
    assert.equal(t.book.people.get(ANN)?.state, "blocked");
    t.do((d) => unblock(d, ANN, "test"));
    assert.deepEqual(t.principal(own), { deciders: [ANN], shut: false });
    assert.deepEqual(t.book.people.get(ANN)?.roles, []);
  });

  it("a block takes groups' deciding for good: it doesn't come back with the person", () => {
    const t = withAdmin();
    allow(t, ANN);
    t.do((d) => allowGroup(d, GROUP, {}, "test"));
    t.do((d) => nameApprovers(d, GROUP, { add: [ANN, "telegram:77"] }));
    t.do((d) => block(d, ANN, "test"));
    t.do((d) => unblock(d, ANN, "test"));
    assert.deepEqual(t.principal(placePrincipal(GROUP)).deciders, ["telegram:77"]);
  });

  it("questions to admins go to one who still is one, however the last one ceased to be", () => {
    const asked = (t: TestBook) => t.book.chats.get("telegram.42")?.deliver.chat;
    const t = new TestBook();
    for (const [who, how] of [
      [ANN, "config"],
      [EVE, "pairing"],
    ] as const) {
      knocks(t, who);
      if (how === "config") t.do((d) => importStanding(d, [ANN]));
      else t.do((d) => approve(d, t.book.people.get(who)!, "test"));
      t.do((d) => setRole(d, who, "admin", true));
    }
    assert.equal(asked(t), "100", "the first");
    t.do((d) => importStanding(d, []));
    assert.equal(t.book.people.has(ANN), false);
    assert.equal(asked(t), "666", "config.yaml names the first no more");
    t.do((d) => setRole(d, EVE, "admin", false));
    assert.equal(asked(t), undefined);
    t.do((d) => setRole(d, EVE, "admin", true));
    t.do((d) => block(d, EVE, "test"));
    assert.equal(asked(t), undefined);
  });

  it("standing admissions come and go with config.yaml, others stay", () => {
    const t = withAdmin();
    t.do((d) => importStanding(d, [ANN, EVE]));
    t.do((d) => importStanding(d, [EVE]));
    assert.deepEqual([...t.book.people.keys()].sort(), [ADMIN, EVE].sort());
  });

  it("roles need somebody who is let in", () => {
    const t = withAdmin();
    knocks(t, EVE);
    assert.throws(() => t.do((d) => setRole(d, EVE, "admin", true)), { code: "not-allowed-in" });
    assert.throws(() => t.do((d) => setRole(d, "telegram:9", "admin", true)), { code: "person-unknown" });
  });

  const NAMES: [after: string, want: RegExp][] = [
    ["Ann", /^ann-nz22$/],
    ["Zoë Müller", /^zoe-muller-nz22$/],
    ["my-agent", /^my-agent-nz22$/],
    ["start", /^start-nz22$/],
    ["安娜 🦊", /^user-nz22$/],
    ["../../etc", /^etc-nz22$/],
    ["x".repeat(128), /^x{40}-nz22$/],
    ["-–-", /^user-nz22$/],
  ];
  for (const [after, want] of NAMES)
    it(`a sandbox after ${JSON.stringify(after.slice(0, 20))}`, () => {
      const name = sandboxName("p_nz22aaaaaaaaaaaaaaaa", after);
      assert.match(name, want);
      assert.match(name, /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    });
});

describe("groups", () => {
  it("nobody decides until persons are named; blocked ones don't; global approvers do", () => {
    const t = withAdmin();
    allow(t, ANN, EVE);
    const sandbox = placePrincipal(GROUP);
    t.do((d) => allowGroup(d, GROUP, { name: "Team" }, "test"));
    assert.deepEqual(t.principal(sandbox), { deciders: [], shut: false }, "not even an admin");
    t.do((d) => nameApprovers(d, GROUP, { add: [ANN, "telegram:77"] }));
    t.do((d) => setRole(d, EVE, "approver", true));
    assert.deepEqual(t.principal(sandbox).deciders, [ANN, EVE, "telegram:77"].sort());
    t.do((d) => block(d, ANN, "test"));
    assert.deepEqual(t.principal(sandbox).deciders, [EVE, "telegram:77"].sort());
    assert.throws(() => t.do((d) => nameApprovers(d, GROUP, { add: [ANN] })), { code: "person-blocked" });
    t.do((d) => refuseGroup(d, GROUP, "test"));
    assert.deepEqual(t.principal(sandbox), { deciders: [], shut: true });
  });

  it("is no member's sandbox, and no member is a decider by being one", () => {
    const t = withAdmin();
    allow(t, ANN);
    t.do((d) => allowGroup(d, GROUP, {}, "test"));
    const sandboxes = [placePrincipal(GROUP), ownPrincipal(ANN), OPERATOR_PRINCIPAL];
    assert.equal(new Set(sandboxes).size, 3);
    assert.notEqual(placePrincipal("telegram:500"), ownPrincipal("telegram:500"));
  });

  it("asks admins only about what an admin added; others can't make them look", () => {
    const t = withAdmin();
    const news = (by: string, place: string) =>
      t.do((d) => added(d, wish("added", { by, place, title: "T", guild: false }))).kind;
    assert.equal(news(EVE, "telegram:-1"), "quiet");
    assert.equal(t.notes.length, 0);
    assert.equal(news(ADMIN, GROUP), "group-asked");
    const { ref = "" } = t.note("1")!;
    assert.equal(t.do((d) => pressGroup(d, t.book.groups.get(GROUP)!, EVE, "y")).kind, "stranger");
    assert.equal(t.do((d) => pressGroup(d, t.book.groups.get(GROUP)!, ADMIN, "a")).kind, "approved");
    assert.deepEqual(t.principal(placePrincipal(GROUP)).deciders, [ADMIN]);
    assert.equal(
      t.do((d) => pressGroup(d, t.book.groups.get(GROUP)!, ADMIN, "n")).kind,
      "gone",
      "a replayed press",
    );
    assert.equal(t.note("1")?.replaces, ref);
    for (let i = 0; i < 300; i++) news(EVE, `telegram:-${1_000 + i}`);
    assert.ok([...t.book.groups.values()].filter(({ state }) => state === "pending").length <= 200);
    assert.equal(t.book.groups.get(GROUP)?.state, "allowed");
  });

  it("moves with everything; its conversations keep their names, also when it moves again", () => {
    const t = withAdmin();
    t.do((d) => allowGroup(d, GROUP, { name: "Team" }, "test"));
    t.do((d) => nameApprovers(d, GROUP, { add: [ANN] }));
    const before = t.book.groups.get(GROUP)!;
    const move = (to: string, at: string) =>
      t.do((d) => moveGroup(d, wish("moved", { by: "telegram:0", from: at, to }))).kind;
    // Telegram may tell of the new group before it tells of the move.
    t.do((d) => added(d, wish("added", { by: ADMIN, place: "telegram:-1001", title: "Team", guild: false })));
    assert.equal(move("telegram:-1001", GROUP), "group-moved");
    assert.equal(move("telegram:-1001", GROUP), "gone", "told twice");
    const after = t.book.groups.get("telegram:-1001")!;
    assert.deepEqual(after, { ...before, place: "telegram:-1001", formerly: "-500" });
    assert.equal(t.book.groups.has(GROUP), false);
    assert.deepEqual(t.principal(before.principal).deciders, [ANN]);
    move("telegram:-1002", "telegram:-1001");
    assert.equal(t.book.groups.get("telegram:-1002")?.formerly, "-500");
  });

  it("a guild's channels are allowed with it, each with a sandbox of its own, and shut with it", () => {
    const t = withAdmin();
    const guild = "discord:9000";
    const open = (place: string) =>
      t.do((d) => openChannel(d, wish("channel", { by: ANN_D, place, within: guild, title: "general" })))
        .kind;
    assert.equal(open("discord:9001"), "quiet");
    t.do((d) => allowGroup(d, guild, { guild: true }, "test"));
    t.do((d) => nameApprovers(d, guild, { add: [ANN_D] }));
    assert.equal(open("discord:9001"), "group-known");
    assert.equal(open("discord:9002"), "group-known");
    const [one, two] = ["discord:9001", "discord:9002"].map((place) => t.book.groups.get(place)!.principal);
    assert.notEqual(one, two);
    assert.deepEqual(t.principal(one!).deciders, [ANN_D]);
    t.do((d) => refuseGroup(d, guild, "test"));
    assert.equal(t.principal(one!).shut, true);
    assert.equal(open("discord:9003"), "quiet");
  });
});
