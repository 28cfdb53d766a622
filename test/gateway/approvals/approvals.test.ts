/** Approvals of a gateway on a real Redis: who is held, who is let go by which tap, and what stays closed. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Approvals } from "../../../src/gateway/approvals/index.ts";
import type { HoldOutcome, Question } from "../../../src/gateway/egress/proxy/index.ts";
import { newId, principalOf } from "../../../src/lib/ids.ts";
import type { ApprovalRecord, Store, TapOutcome, TapVerb } from "../../../src/store/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";

const BRIDGE = "telegram.7";
let redis: TestRedis;
let gateway: Store;
let bridge: Store;
let worker: Store;
let approvals: Approvals;
const notes: { kind: string; fields: Record<string, unknown> }[] = [];
const HOLD_MS = 600;

const make = (holdMs = HOLD_MS) =>
  new Approvals({
    store: gateway.approvals,
    asks: gateway.commandAsks,
    turns: gateway.contexts,
    logger: silent,
    limits: { holdMs, maxOpen: 5, perMinute: 50 },
    note: (kind, fields) => void notes.push({ kind, fields }),
  });

before(async () => {
  redis = await startTestRedis();
  gateway = redis.store("gateway");
  bridge = redis.store("bridge-telegram");
  worker = redis.store("worker");
  await Promise.all([gateway.ready(), bridge.ready(), worker.ready()]);
  approvals = make();
  await approvals.start();
});
after(async () => {
  await approvals.close();
  for (const store of [gateway, bridge, worker]) await store.close();
  await redis.stop();
});

let people = 100;
interface Person {
  id: string;
  principal: string;
  conversation: string;
  turnId: string;
}

/** Somebody whose agent runs a turn. */
async function person(turn = true): Promise<Person> {
  const id = String(people++);
  const who = {
    id,
    principal: principalOf("telegram", id),
    conversation: `telegram.7.${id}`,
    turnId: newId("t"),
  };
  if (turn) await begin(who);
  return who;
}
const begin = (who: Person, session = 1) =>
  worker.contexts.begin(
    who.principal,
    {
      turnId: who.turnId,
      kind: "turn",
      scopeId: `c_${who.id}:${session}`,
      conversation: who.conversation,
      bridge: BRIDGE,
      deliver: { chat: who.id },
    },
    60_000,
  );

const question = (who: Person, more: Partial<Question> = {}): Question => ({
  sandboxId: who.principal,
  scheme: "tunnel",
  host: "api.example.com",
  kind: "name",
  idn: false,
  port: 443,
  policyHash: "h",
  ...more,
});
const never = new AbortController().signal;
const desk = (who: Person) => approvals.of(who.principal).desk;
const hold = (who: Person, more?: Partial<Question>, signal = never) =>
  desk(who).hold(question(who, more), signal);

/** The bridge: waits for the card and posts it. */
async function posted(who: Person, want: (record: ApprovalRecord) => boolean = () => true) {
  for (let i = 0; i < 200; i++) {
    const record = (await gateway.approvals.list(who.principal)).find(
      (one) => one.state === "pending" && want(one),
    );
    if (record) {
      await bridge.cards(BRIDGE).setMessage(record.approvalId, {
        v: 1,
        state: "sent",
        message: `m-${record.approvalId}`,
        conversation: record.conversation,
        principal: who.principal,
        rev: record.rev,
      });
      return record;
    }
    await sleep(5);
  }
  throw new Error("no card");
}
const tap = (
  who: Person,
  record: ApprovalRecord,
  verb: TapVerb,
  more: { by?: string; via?: string; message?: string; conversation?: string } = {},
): Promise<TapOutcome> =>
  bridge.cards(BRIDGE).tap(record.principal, {
    kind: "decide",
    v: 1,
    tapId: newId("x"),
    approvalId: record.approvalId,
    verb,
    by: { via: more.via ?? "telegram", identity: more.by ?? who.id, name: "N" },
    bridge: BRIDGE,
    conversation: more.conversation ?? who.conversation,
    message: more.message ?? `m-${record.approvalId}`,
  });
const kinds = (outcomes: HoldOutcome[]) => [...new Set(outcomes.map(({ kind }) => kind))];

describe("one card, one tap", () => {
  test("200 connections to one new host make one card, and all proceed on one tap", async () => {
    const who = await person();
    const held = Array.from({ length: 200 }, () => hold(who));
    const record = await posted(who);
    await sleep(300);
    const shown = await gateway.approvals.get(who.principal, record.approvalId);
    assert.deepEqual([shown?.attempts, shown?.held], [200, 200]);
    assert.equal((await gateway.approvals.list(who.principal)).length, 1);
    const at = performance.now();
    const answer = tap(who, record, "once");
    const outcomes = await Promise.all(held);
    console.log(`tap → 200 released: ${(performance.now() - at).toFixed(1)} ms`);
    assert.deepEqual(kinds(outcomes), ["allowed"]);
    assert.deepEqual([(await answer).kind, (await answer).state], ["done", "allowed-once"]);
    const first = outcomes[0];
    assert.ok(first?.kind === "allowed" && first.until && !first.until.aborted);
    await worker.contexts.end(who.principal, who.turnId);
    await sleep(1_500);
    assert.ok(first.until.aborted, "what once opened ends with the turn");
  });

  test("once covers those held and nobody after; the next try asks again", async () => {
    const who = await person();
    const held = hold(who);
    const record = await posted(who);
    await tap(who, record, "once");
    assert.equal((await held).kind, "allowed");
    assert.deepEqual(approvals.of(who.principal).view.grants(), []);
    const again = hold(who);
    const second = await posted(who);
    assert.notEqual(second.approvalId, record.approvalId);
    await tap(who, second, "deny");
    assert.equal((await again).kind, "denied");
    assert.equal((await hold(who)).kind, "denied", "no new card for it in this turn");
    assert.equal((await gateway.approvals.list(who.principal)).length, 2);
  });

  test("a tap after the hold: the next try passes, exactly one", async () => {
    const who = await person();
    assert.equal((await hold(who)).kind, "expired");
    const record = await posted(who, (one) => !one.holding);
    assert.equal((await tap(who, record, "once")).kind, "next-try");
    const [grant, ...more] = approvals.of(who.principal).view.grants();
    assert.ok(grant && more.length === 0);
    assert.deepEqual(
      [grant.scope, grant.host, grant.port, grant.method],
      ["once", "api.example.com", 443, undefined],
    );
    const uses = await Promise.all([1, 2, 3].map(() => desk(who).consume(grant.id)));
    assert.equal(uses.filter(Boolean).length, 1);
  });

  test("a next try that comes when the turn is over has an end too", async () => {
    const who = await person();
    assert.equal((await hold(who)).kind, "expired");
    await tap(who, await posted(who, (one) => !one.holding), "once");
    const [grant] = approvals.of(who.principal).view.grants();
    await worker.contexts.end(who.principal, who.turnId);
    const used = await desk(who).consume(grant!.id);
    assert.ok(used && used.until instanceof AbortSignal);
  });

  test("session: a grant until /new; always: a rule that can be revoked", async () => {
    const who = await person();
    const { view } = approvals.of(who.principal);
    const held = hold(who);
    assert.equal((await tap(who, await posted(who), "session")).kind, "done");
    const outcome = await held;
    assert.ok(outcome.kind === "allowed" && outcome.scope === "session" && !outcome.until);
    assert.equal(view.grants().length, 1);
    // The turn of the next session.
    const next = { ...who, turnId: newId("t") };
    await begin(next, 2);
    await sleep(1_500);
    assert.equal(view.grants().length, 0, "/new ended it");

    const second = hold(who, { host: "b.example.com" });
    await tap(who, await posted(who), "always");
    assert.equal((await second).kind, "allowed");
    const [rule] = view.rules();
    assert.deepEqual([rule?.host, rule?.ports, rule?.origin], ["b.example.com", [443], "approval"]);
    const ruleId = view.ruleRecords()[0]?.ruleId ?? "";
    const revoke = (by: string) =>
      bridge.cards(BRIDGE).tap(who.principal, {
        kind: "revoke",
        v: 1,
        tapId: newId("x"),
        ruleId,
        by: { via: "telegram", identity: by, name: "" },
        bridge: BRIDGE,
        conversation: who.conversation,
      });
    assert.equal((await revoke("999")).kind, "stranger");
    assert.equal((await revoke(who.id)).kind, "revoked");
    assert.equal((await revoke(who.id)).kind, "gone");
    assert.equal(view.rules().length, 0);
  });

  test("a reset by the bridge ends the conversation's session grants", async () => {
    const who = await person();
    const held = hold(who);
    await tap(who, await posted(who), "session");
    await held;
    const by = { via: "telegram", identity: who.id, name: "" };
    await bridge
      .cards(BRIDGE)
      .tap(who.principal, { kind: "reset", v: 1, tapId: "r", conversation: who.conversation, by });
    assert.equal(approvals.of(who.principal).view.grants().length, 0);
  });

  test("always on a risky destination asks once more, and can be taken back", async () => {
    const who = await person();
    const held = hold(who, { host: "abc.ngrok.io" });
    const record = await posted(who);
    assert.deepEqual(record.risks, ["tunnel", "first-time"]);
    assert.equal((await tap(who, record, "always-confirmed")).kind, "confirm", "not before it was asked");
    assert.equal((await tap(who, record, "back")).kind, "back");
    assert.equal((await tap(who, record, "always")).kind, "confirm");
    assert.equal((await gateway.approvals.get(who.principal, record.approvalId))?.confirming, true);
    assert.equal((await tap(who, record, "always-confirmed")).kind, "done");
    assert.equal((await held).kind, "allowed");
    const write = hold(who, {
      scheme: "http",
      host: "c.example.com",
      port: 80,
      method: "POST",
      path: "/a*?b",
    });
    const asked = await posted(who);
    assert.deepEqual(asked.risks, ["write", "first-time"]);
    await tap(who, asked, "always");
    await tap(who, asked, "always-confirmed");
    await write;
    const rule = approvals
      .of(who.principal)
      .view.rules()
      .find((one) => one.host === "c.example.com");
    assert.deepEqual(rule?.allow, [{ method: "POST", path: "/a[*][?]b" }]);
  });
});

describe("what opens nothing", () => {
  test("no running turn, no card; OpenClaw's own hosts are not even listed", async () => {
    const who = await person(false);
    assert.equal((await hold(who)).kind, "unasked");
    assert.equal((await hold(who, { host: "clawhub.ai" })).kind, "unasked");
    assert.deepEqual(
      desk(who).unasked.map(({ host, times }) => [host, times]),
      [["api.example.com", 1]],
    );
    assert.equal((await gateway.approvals.list(who.principal)).length, 0);
  });

  test("sys-12: strangers, other chats, other messages, unknown cards: refused, noted, and the card stays", async () => {
    const who = await person();
    const held = hold(who, {}, never);
    const record = await posted(who);
    const before = notes.length;
    assert.equal((await tap(who, record, "once", { by: "666" })).kind, "stranger");
    assert.equal((await tap(who, record, "once", { via: "discord" })).kind, "stranger");
    assert.equal((await tap(who, record, "once", { message: "m-other" })).kind, "misplaced");
    assert.equal((await tap(who, record, "once", { conversation: "telegram.7.666" })).kind, "misplaced");
    assert.equal((await tap(who, { ...record, approvalId: newId("a") }, "once")).kind, "gone");
    assert.equal(notes.slice(before).filter(({ kind }) => kind === "tap.refused").length, 5);
    assert.equal((await tap(who, record, "once")).kind, "done");
    assert.equal((await held).kind, "allowed");
    assert.equal((await tap(who, record, "deny")).kind, "decided", "the second tap changes nothing");
  });

  test("another platform's bridge can't tap for the owner, nor for the console's operator", async () => {
    const discord = redis.store("bridge-discord");
    const who = await person();
    const held = hold(who);
    const record = await posted(who);
    const deciders = [
      { via: "telegram", identity: who.id, name: "N" },
      { via: "console", identity: "operator", name: "N" },
    ];
    for (const by of deciders) {
      const before = notes.length;
      void discord.cards("discord.7").tap(who.principal, {
        kind: "decide",
        v: 1,
        tapId: newId("x"),
        approvalId: record.approvalId,
        verb: "always",
        by,
        bridge: BRIDGE,
        conversation: who.conversation,
        message: `m-${record.approvalId}`,
      });
      while (notes.length === before) await sleep(5);
      assert.partialDeepStrictEqual(notes.at(-1), { kind: "tap.refused", fields: { why: "stranger" } });
      assert.equal((await gateway.approvals.get(who.principal, record.approvalId))?.state, "pending");
    }
    assert.equal((await tap(who, record, "deny")).kind, "done");
    assert.equal((await held).kind, "denied");
    await discord.close();
  });

  test("the last client leaves while held: the card ends and a tap opens nothing", async () => {
    const who = await person();
    const client = new AbortController();
    const held = [hold(who, {}, client.signal), hold(who, {}, client.signal)];
    const record = await posted(who);
    client.abort();
    assert.deepEqual(kinds(await Promise.all(held)), ["expired"]);
    await sleep(50);
    assert.equal((await tap(who, record, "always")).kind, "cancelled");
    assert.equal(approvals.of(who.principal).view.rules().length, 0);
  });

  test("sys-15: 500 new hosts: at most the cap in the chat, the rest busy; another sandbox is not affected", async () => {
    const who = await person();
    const other = await person();
    const flood = Array.from({ length: 500 }, (_, i) => hold(who, { host: `h${i}.example.com` }));
    const fine = hold(other);
    await tap(other, await posted(other), "once");
    assert.equal((await fine).kind, "allowed");
    const outcomes = await Promise.all(flood);
    assert.equal(outcomes.filter(({ kind }) => kind === "busy").length, 495);
    assert.equal((await gateway.approvals.list(who.principal)).length, 5);
  });

  test("sys-13: after a restart: old cards are expired, old taps open nothing, whoever was held was let go", async () => {
    const who = await person();
    const first = make(60_000);
    await first.start();
    const held = first.of(who.principal).desk.hold(question(who), never);
    const record = await posted(who);
    await first.close();
    assert.equal((await held).kind, "expired");
    const second = make();
    await second.start();
    assert.equal((await gateway.approvals.get(who.principal, record.approvalId))?.state, "expired");
    assert.equal((await tap(who, record, "always")).kind, "expired");
    assert.equal((await gateway.approvals.rules(who.principal)).length, 0);
    await second.close();
  });

  test("of several turns at once it goes to the one whose agent used a tool last, else to the latest", async () => {
    const who = await person();
    const later = { ...who, turnId: newId("t"), conversation: `${who.conversation}.thread` };
    await sleep(5).then(() => begin(later));
    for (const [i, user] of [undefined, who, later].entries()) {
      if (user) worker.contexts.tool(who.principal, user.turnId, "exec: curl");
      await sleep(100);
      const held = hold(who, { host: `h${i}.example.com` });
      const record = await posted(who);
      assert.equal(record.conversation, (user ?? later).conversation);
      await Promise.all([held, tap(who, record, "deny", { conversation: record.conversation })]);
    }
  });

  test("what the agent says is one cut line without control characters", async () => {
    const who = await person();
    worker.contexts.tool(who.principal, who.turnId, `exec: a\n\u202e\u001b[31m${"x".repeat(400)}`);
    await sleep(100);
    const held = hold(who);
    const record = await posted(who);
    assert.ok(record.says.length <= 200 && record.says.startsWith("exec: a [31mxxx"), record.says);
    await tap(who, record, "deny");
    await held;
  });
});
