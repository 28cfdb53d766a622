/** Approvals in Redis: one outcome per card, joins, caps, grants and rules with their decision, taps exactly once. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { newId, principalOf } from "../../src/lib/ids.ts";
import type { NewApproval, Store, Tap, TapOutcome } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";

const BRIDGE = "telegram.7";
const CONVERSATION = "telegram.7.42";
const BY = { via: "telegram", identity: "42", name: "Ann" };
let redis: TestRedis;
let gateway: Store;
let bridge: Store;

before(async () => {
  redis = await startTestRedis();
  gateway = redis.store("gateway");
  bridge = redis.store("bridge-telegram");
  await Promise.all([gateway.ready(), bridge.ready()]);
});
after(async () => {
  await gateway.close();
  await bridge.close();
  await redis.stop();
});

let count = 0;
const someone = () => principalOf("telegram", String(1_000 + count++));
const asked = (more: Partial<NewApproval> = {}): NewApproval => ({
  approvalId: newId("a"),
  epoch: "e1",
  digest: "d1",
  facts: {
    scheme: "tunnel",
    host: "api.example.com",
    kind: "name",
    idn: false,
    domain: "example.com",
    port: 443,
    policyHash: "h",
  },
  risks: ["first-time"],
  says: 'exec: `curl "x"` \u202e',
  turnId: "t1",
  scopeId: "c_x:1",
  conversation: CONVERSATION,
  bridge: BRIDGE,
  deliver: { chat: "42" },
  holdMs: 1_000,
  decideMs: 60_000,
  ...more,
});
const decision = { by: BY, late: false, bridge: BRIDGE };

test("a card is opened once per digest, joined by others, marked for its bridge, and read back whole", async () => {
  const who = someone();
  const opened = await gateway.approvals.open(who, asked(), 5);
  assert.equal(opened.kind, "opened");
  const joined = await gateway.approvals.open(who, asked(), 5);
  assert.ok(opened.kind === "opened" && joined.kind === "joined");
  assert.equal(joined.record.approvalId, opened.record.approvalId);
  assert.deepEqual([joined.record.attempts, joined.record.rev > opened.record.rev], [2, true]);
  const cards = bridge.cards(BRIDGE);
  const dirty = (await cards.dirty(10)).filter((one) => one.principal === who);
  assert.equal(dirty.length, 1);
  const seen = await cards.get(who, opened.record.approvalId);
  assert.deepEqual(seen, joined.record);
  assert.equal(seen?.says, 'exec: `curl "x"` \u202e');
  assert.deepEqual(
    (await cards.open(who)).map((one) => one.approvalId),
    [opened.record.approvalId],
  );
  await cards.clean(who, opened.record.approvalId, dirty[0]?.mark ?? 0);
  assert.equal((await cards.dirty(10)).filter((one) => one.principal === who).length, 0);
});

test("of many decisions at once exactly one wins; grant and rule come with it or not at all", async () => {
  for (const state of ["allowed-session", "allowed-always", "allowed-once", "denied"] as const) {
    const who = someone();
    const opened = await gateway.approvals.open(who, asked(), 5);
    assert.ok(opened.kind === "opened");
    const id = opened.record.approvalId;
    const scope = { host: "api.example.com", port: 443, approvalId: id, by: BY };
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        gateway.approvals.decide(who, id, {
          ...decision,
          state,
          by: { ...BY, identity: String(i) },
          ...(state === "allowed-session"
            ? {
                grant: {
                  ...scope,
                  grantId: newId("g"),
                  scope: "session" as const,
                  conversation: CONVERSATION,
                  scopeId: "c_x:1",
                  ttlMs: 60_000,
                },
              }
            : {}),
          ...(state === "allowed-always" ? { rule: { ...scope, ruleId: newId("r") } } : {}),
        }),
      ),
    );
    const winners = all.filter((one) => one?.won);
    assert.equal(winners.length, 1, state);
    assert.ok(all.every((one) => one?.record.decidedBy?.identity === winners[0]?.record.decidedBy?.identity));
    assert.equal((await gateway.approvals.grants(who)).length, state === "allowed-session" ? 1 : 0);
    assert.equal((await gateway.approvals.rules(who)).length, state === "allowed-always" ? 1 : 0);
    assert.equal((await bridge.cards(BRIDGE).rules(who)).length, state === "allowed-always" ? 1 : 0);
  }
});

test("once after the hold leaves one grant, used up once", async () => {
  const who = someone();
  const opened = await gateway.approvals.open(who, asked(), 5);
  assert.ok(opened.kind === "opened");
  const id = opened.record.approvalId;
  const ended = await gateway.approvals.holding(who, id, 3, 0, false);
  assert.deepEqual([ended?.state, ended?.holding, ended?.attempts], ["pending", false, 3]);
  const grant = {
    grantId: newId("g"),
    scope: "once" as const,
    host: "api.example.com",
    port: 443,
    conversation: CONVERSATION,
    scopeId: "c_x:1",
    approvalId: id,
    by: BY,
    ttlMs: 500,
  };
  const decided = await gateway.approvals.decide(who, id, {
    ...decision,
    state: "allowed-once",
    late: true,
    grant,
  });
  assert.deepEqual([decided?.won, decided?.record.nextTry], [true, true]);
  const uses = await Promise.all(
    Array.from({ length: 10 }, () => gateway.approvals.consume(who, grant.grantId)),
  );
  assert.equal(uses.filter(Boolean).length, 1);
});

test("a grant ends by Redis' clock", async () => {
  const who = someone();
  const opened = await gateway.approvals.open(who, asked(), 5);
  assert.ok(opened.kind === "opened");
  const grant = {
    grantId: newId("g"),
    scope: "session" as const,
    host: "api.example.com",
    port: 443,
    conversation: CONVERSATION,
    scopeId: "c_x:1",
    approvalId: opened.record.approvalId,
    by: BY,
    ttlMs: 150,
  };
  await gateway.approvals.decide(who, opened.record.approvalId, {
    ...decision,
    state: "allowed-session",
    grant,
  });
  assert.equal((await gateway.approvals.grants(who)).length, 1);
  await sleep(200);
  assert.equal((await gateway.approvals.grants(who)).length, 0);
});

test("a card whose time is over can't be opened; one whose last client left neither; denied is not asked again", async () => {
  const who = someone();
  const short = await gateway.approvals.open(who, asked({ decideMs: 50 }), 5);
  assert.ok(short.kind === "opened");
  await sleep(80);
  const late = await gateway.approvals.decide(who, short.record.approvalId, {
    ...decision,
    state: "allowed-always",
    rule: {
      ruleId: newId("r"),
      host: "api.example.com",
      port: 443,
      approvalId: short.record.approvalId,
      by: BY,
    },
  });
  assert.deepEqual([late?.won, late?.record.state], [false, "expired"]);
  assert.equal((await gateway.approvals.rules(who)).length, 0);

  const left = await gateway.approvals.open(who, asked(), 5);
  assert.ok(left.kind === "opened");
  assert.equal(
    (await gateway.approvals.holding(who, left.record.approvalId, 1, 0, true))?.state,
    "cancelled",
  );
  const after = await gateway.approvals.decide(who, left.record.approvalId, {
    ...decision,
    state: "allowed-once",
  });
  assert.deepEqual([after?.won, after?.record.state], [false, "cancelled"]);

  const no = await gateway.approvals.open(who, asked(), 5);
  assert.ok(no.kind === "opened");
  await gateway.approvals.decide(who, no.record.approvalId, { ...decision, state: "denied" });
  assert.equal((await gateway.approvals.open(who, asked(), 5)).kind, "denied");
  const elsewhere = { ...asked().facts, scheme: "http" as const, method: "GET", path: "/other" };
  const other = await gateway.approvals.open(who, asked({ digest: "d2", facts: elsewhere }), 5);
  assert.equal(other.kind, "denied", "the destination, not just this request to it");
  const port = { ...asked().facts, port: 8443 };
  assert.equal((await gateway.approvals.open(who, asked({ digest: "d3", facts: port }), 5)).kind, "opened");
  assert.deepEqual(
    (await gateway.approvals.pending(who)).map(({ digest }) => digest),
    ["d3"],
  );
  assert.equal((await gateway.approvals.open(who, asked({ turnId: "t2" }), 5)).kind, "opened");
});

test("so many cards and no more; another principal is not affected; a new gateway's card is a new card", async () => {
  const who = someone();
  for (let i = 0; i < 3; i++)
    assert.equal((await gateway.approvals.open(who, asked({ digest: `x${i}` }), 3)).kind, "opened");
  assert.deepEqual(await gateway.approvals.open(who, asked({ digest: "x9" }), 3), { kind: "busy", open: 3 });
  assert.equal((await gateway.approvals.open(who, asked({ digest: "x0" }), 3)).kind, "joined");
  assert.equal((await gateway.approvals.open(someone(), asked({ digest: "x9" }), 3)).kind, "opened");
  const again = await gateway.approvals.open(who, asked({ digest: "x0", epoch: "e2" }), 4);
  assert.equal(again.kind, "opened");
});

test("old cards make room, pending ones stay", async () => {
  const who = someone();
  const first = await gateway.approvals.open(who, asked({ digest: "pending" }), 5);
  for (let i = 0; i < 320; i++) {
    const facts = { ...asked().facts, port: 1_000 + i };
    const one = await gateway.approvals.open(who, asked({ digest: `y${i}`, facts }), 5);
    assert.ok(one.kind === "opened");
    await gateway.approvals.decide(who, one.record.approvalId, { ...decision, state: "denied" });
  }
  const left = await gateway.approvals.list(who);
  assert.ok(left.length < 310, String(left.length));
  assert.ok(first.kind === "opened" && left.some((one) => one.approvalId === first.record.approvalId));
});

test("taps are taken in order and once, survive a taker that fails, and are answered", async () => {
  const who = someone();
  const cards = bridge.cards(BRIDGE);
  const tap = (n: number): Tap => ({
    kind: "revoke",
    v: 1,
    tapId: `tap${n}`,
    ruleId: newId("r"),
    by: BY,
    bridge: BRIDGE,
    conversation: CONVERSATION,
  });
  const heard: string[] = [];
  const off = await gateway.approvals.onTaps((principal) => heard.push(principal));
  const answers = [0, 1, 2].map((n) => cards.tap(who, tap(n)));
  await sleep(100);
  const taken: string[] = [];
  await assert.rejects(
    gateway.approvals.takeTaps(who, async ({ tapId }) => {
      if (tapId === "tap1") throw new Error("store away");
      taken.push(tapId);
      return { tapId, kind: "revoked" } satisfies TapOutcome;
    }),
  );
  await redis.send("admin", "LPUSH", `nc:{p:${who}}:taps:telegram`, "{no json");
  await gateway.approvals.takeTaps(who, async ({ tapId }) => {
    taken.push(tapId);
    return { tapId, kind: "revoked" };
  });
  assert.deepEqual(taken, ["tap0", "tap1", "tap2"]);
  assert.deepEqual(
    (await Promise.all(answers)).map(({ kind }) => kind),
    ["revoked", "revoked", "revoked"],
  );
  assert.ok(heard.includes(who));
  const unheard = await cards.tap(who, tap(9));
  assert.equal(unheard.kind, "busy", "nobody takes it in time");
  await off();
});

test("taps come with the platform that handed them in; one that can't be carried out holds no other platform's up", async () => {
  const who = someone();
  const discord = redis.store("bridge-discord");
  const tap = (tapId: string): Tap => ({
    ...{ kind: "decide", v: 1, tapId, approvalId: newId("a"), verb: "always", message: "5" },
    ...{ by: BY, bridge: BRIDGE, conversation: CONVERSATION },
  });
  const own = bridge.cards(BRIDGE).tap(who, tap("own"));
  const forged = discord.cards("discord.7").tap(who, tap("forged"));
  await sleep(100);
  const taken: string[] = [];
  await assert.rejects(
    gateway.approvals.takeTaps(who, async ({ tapId }, platform) => {
      taken.push(`${platform} ${tapId}`);
      if (platform === "discord") throw new Error("store away");
      return { tapId, kind: "done" };
    }),
    /store away/,
  );
  assert.deepEqual(taken.sort(), ["discord forged", "telegram own"]);
  assert.equal((await own).kind, "done");
  assert.equal((await forged).kind, "busy");
  await discord.close();
});

test("a flood of taps is refused", async () => {
  const who = someone();
  const cards = bridge.cards(BRIDGE);
  const all = await Promise.all(
    Array.from({ length: 130 }, (_, n) =>
      cards.tap(who, { kind: "reset", v: 1, tapId: `f${n}`, conversation: CONVERSATION, by: BY }),
    ),
  );
  assert.ok(all.every(({ kind }) => kind === "busy"));
  assert.equal(Number(await redis.send("admin", "LLEN", `nc:{p:${who}}:taps:telegram`)), 100);
});

test("who asked is found after a crash, and forgotten only if nothing came since", async () => {
  const who = someone();
  await gateway.approvals.open(who, asked(), 5);
  const found = (await gateway.approvals.asked()).find((one) => one.principal === who);
  assert.ok(found);
  await gateway.approvals.open(who, asked(), 5);
  await gateway.approvals.forget(who, found.mark);
  assert.ok((await gateway.approvals.asked()).some((one) => one.principal === who));
});
