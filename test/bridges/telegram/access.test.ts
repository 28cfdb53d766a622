/**
 * Who gets in, over the fake Bot API, a real Redis and the real access component: pairing, the first admin, blocks.
 * Strangers, forgers and guessers are rows of tables.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { adminCall } from "../../../src/lib/admin/client.ts";
import { hashOfCode, newCode } from "../../../src/lib/codes.ts";
import { OPERATOR_PRINCIPAL, principalOf } from "../../../src/lib/ids.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, EVE, type Setup, setUp } from "./setup.ts";

const OP = 3001;
const CODE = /[a-z0-9]{4}-[a-z0-9]{4}/;

describe("who gets in on Telegram", () => {
  let s: Setup;
  before(async () => {
    s = await setUp();
  });
  after(() => s.close());

  const ask = <T>(method: string, params: object = {}) => adminCall<T>(s.accessSocket, method, params);
  const last = (user: number) => s.fake.bot.fromBot(user).at(-1)!;
  const said = (user: number, want: RegExp, ms = 4_000) =>
    until(() => s.fake.bot.fromBot(user).find(({ text }) => want.test(text)), ms, `${want} to ${user}`);
  const toast = (callbackId: string) =>
    until(() => s.fake.bot.callbackAnswer(callbackId), 4_000, "answer to a press");
  const knock = async (user: number): Promise<string> => {
    s.fake.bot.say(user, "hello?");
    return CODE.exec((await said(user, /this code/)).text)![0];
  };

  it("makes the bearer of the terminal's code the operator, once, and nobody by a guess", async () => {
    const code = newCode("claim");
    const hash = hashOfCode("claim", code);
    const { expiresAt } = await ask<{ expiresAt: number }>("users.claim", { code: hash });
    assert.ok(Math.abs(expiresAt - Date.now() - 3_600_000) < 10_000);
    await s.ask(EVE, `/claim ${newCode("claim")}`, /doesn't count/);
    await s.ask(OP, `/start ${code.toUpperCase()}`, /You are the admin/);
    await s.ask(EVE, `/claim ${code}`, /doesn't count/);
    const { user } = await ask<{ user: { roles: string[]; principal: string } }>("users.show", {
      who: `telegram:${OP}`,
    });
    assert.deepEqual(user.roles, ["admin"]);
    assert.equal(user.principal, OPERATOR_PRINCIPAL);
    await s.ask(OP, "whose sandbox?", /echo: whose sandbox/);
    assert.equal(s.worker.turns.at(-1)!.principal, OPERATOR_PRINCIPAL);
    const dump = JSON.stringify(await s.redis.send("admin", "HGETALL", "nc:{access}:codes"));
    assert.ok(!dump.includes(code) && !dump.includes(code.replaceAll("-", "")), "no code is stored as it is");
  });

  it("stops looking at codes after five wrong ones", async () => {
    const guesser = 7777;
    for (let i = 0; i < 5; i++) await s.ask(guesser, `/claim ${newCode("claim")}`, /doesn't count/);
    const code = newCode("claim");
    await ask("users.claim", { code: hashOfCode("claim", code) });
    await s.ask(guesser, `/claim ${code}`, /Too many wrong codes/);
    assert.deepEqual(
      (await ask<{ admins: string[] }>("users.admins")).admins,
      [`telegram:${OP}`],
      "the right one came too late",
    );
  });

  it("asks the admin about a stranger; one press lets them in, with a sandbox named after them", async () => {
    s.fake.bot.addUser({ id: 4001, first_name: "Zoë Müller <b>" });
    await knock(4001);
    const card = await said(OP, /id: telegram:4001/);
    assert.match(card.text, /calls itself: “Zoë Müller <b>”/);
    assert.deepEqual(
      card.buttons.map(({ text }) => text),
      ["Let in", "Refuse"],
    );
    assert.equal(await toast(s.fake.bot.press(OP, OP, card.id, { label: "Let in" }).callbackId), "Done");
    await said(4001, /You are let in/);
    await until(() => last(OP).text.includes("✅ Let in: telegram:4001") && last(OP).buttons.length === 0);
    await s.ask(4001, "first words", /echo: first words/);
    assert.equal(s.worker.turns.at(-1)!.principal, principalOf("telegram", "4001"));
    const { user } = await ask<{ user: { sandbox: string } }>("users.show", { who: "4001" });
    assert.match(user.sandbox, /^zoe-muller-b-[a-z0-9]{4}$/);
  });

  it("lets nobody else press: strangers, other people, from other messages, forged and replayed", async () => {
    await knock(4002);
    const card = await said(OP, /id: telegram:4002/);
    const data = card.buttons[0]!.data;
    await s.ask(ANN, "something", /echo: something/);
    const own = s.fake.bot.fromBot(ANN).at(-1)!;
    const copy = s.fake.bot.forward(OP, OP, card.id).messageId;
    const rows: [who: number, chat: number, message: number, data: string, want: RegExp][] = [
      [EVE, OP, card.id, data, /can't decide/],
      [4002, OP, card.id, data, /can't decide/],
      [ANN, OP, card.id, data, /can't decide/],
      [ANN, ANN, own.id, data, /not the question's own/],
      [OP, OP, copy, data, /not the question's own/],
      [OP, OP, card.id, data.replace(/:y$/, ":z"), /decided already|too old/],
      [OP, OP, card.id, "ac:q_aaaaaaaaaaaaaaaaaaaa:y", /not the question's own/],
      [OP, OP, card.id, "ac:../x:y", /no more/],
    ];
    for (const [who, chat, message, forged, want] of rows)
      assert.match(
        await toast(s.fake.bot.press(who, chat, message, { data: forged }).callbackId),
        want,
        `${who}`,
      );
    const { requests } = await ask<{ requests: { identity: string }[] }>("pairing.list");
    assert.ok(
      requests.some(({ identity }) => identity === "telegram:4002"),
      "still waits",
    );
    assert.equal(await toast(s.fake.bot.press(OP, OP, card.id, { label: "Refuse" }).callbackId), "Refused");
    assert.match(
      await toast(s.fake.bot.press(OP, OP, card.id, { data, stale: true }).callbackId),
      /decided already/,
      "a replayed press",
    );
    const before = s.fake.bot.fromBot(4002).length;
    s.fake.bot.say(4002, "and now?");
    await sleep(300);
    assert.equal(s.fake.bot.fromBot(4002).length, before, "who was refused hears nothing more");
  });

  it("takes a code from the terminal once, and none that was replaced or made up", async () => {
    const code = await knock(4003);
    const by = (typed: string) => ask("pairing.approve", { code: hashOfCode("pairing", typed) });
    await assert.rejects(by(newCode("pairing")), { code: "pairing-unknown" });
    await by(code);
    await said(4003, /You are let in/);
    await assert.rejects(by(code), { code: "pairing-unknown" });
  });

  it("looks at ids only: a name like the admin's gets nobody in", async () => {
    s.fake.bot.addUser({ id: 4004, first_name: "Operator", username: "the_operator" });
    s.fake.bot.addUser({ id: OP, first_name: "Operator", username: "the_operator" });
    await knock(4004);
    await assert.rejects(ask("users.role", { who: "Operator", role: "admin", on: true }), {
      code: "bad-params",
    });
    await assert.rejects(ask("users.role", { who: "4004", role: "admin", on: true }), {
      code: "not-allowed-in",
    });
    assert.match((await said(OP, /id: telegram:4004/)).text, /A name can be anybody's/);
  });

  it("shuts a blocked person out within a second, config.yaml or not, and lets them back without roles", async () => {
    await s.ask(BOB, "still here", /echo: still here/);
    await ask("users.role", { who: String(BOB), role: "approver", on: true });
    const at = performance.now();
    await ask("users.block", { who: `telegram:${BOB}` });
    let refusedAfter = 0;
    for (let i = 0; refusedAfter === 0 && i < 40; i++) {
      const { messageId } = s.fake.bot.say(BOB, `try ${i}`);
      await until(() => s.fake.bot.unconfirmed() === 0, 2_000, "confirmed");
      await sleep(60);
      if (!s.fake.bot.fromBot(BOB).some(({ id }) => id > messageId)) refusedAfter = performance.now() - at;
    }
    assert.ok(refusedAfter > 0 && refusedAfter < 1_000, `${refusedAfter} ms`);
    const principal = principalOf("telegram", String(BOB));
    assert.ok((await s.bridgeStore.access.rev()) > 0);
    assert.equal(await s.redis.send("worker", "HEXISTS", "nc:{access}:shut", principal), 1);
    s.access.setStanding([`telegram:${ANN}`, `telegram:${BOB}`]);
    await sleep(200);
    s.fake.bot.say(BOB, "and with the list read again?");
    await sleep(300);
    assert.doesNotMatch(last(BOB).text, /list read again/);
    const { roles } = await ask<{ roles: string[] }>("users.unblock", { who: String(BOB) });
    assert.deepEqual(roles, []);
    await s.ask(BOB, "back", /echo: back/);
  });

  it("lets nobody in while Redis is away, not even who was known", async () => {
    await s.ask(ANN, "before", /echo: before/);
    await s.redis.kill9();
    await sleep(1_200);
    s.fake.bot.say(ANN, "in between");
    await sleep(600);
    assert.ok(!s.worker.texts.includes("in between"));
    await s.redis.restart();
    await until(() => s.worker.texts.includes("in between"), 10_000, "accepted once Redis is back");
  });

  it("costs a known person's message no round trip", async () => {
    await s.ask(ANN, "warm", /echo: warm/);
    const gets = async () => {
      const info = String(await s.redis.send("admin", "INFO", "commandstats"));
      return Number(/cmdstat_hget:calls=(\d+)/.exec(info)?.[1] ?? 0);
    };
    const admission = performance.now();
    const before = await gets();
    const people = 200;
    const { StoredAdmission } = await import("../../../src/bridges/core/access/admission.ts");
    const store = s.redis.store("bridge-telegram");
    await store.ready();
    const door = new StoredAdmission({
      ...{ read: store.access, platform: "telegram", standing: new Set<string>() },
      openChannel: async () => {},
    });
    await door.start();
    const visit = () =>
      door.admit({
        ...{ platform: "telegram", conversation: `telegram.1.${ANN}` },
        ...{ sender: { id: String(ANN), name: "" }, place: { kind: "private" } },
      });
    for (let i = 0; i < people; i++) assert.equal((await visit()).kind, "admitted");
    const spent = performance.now() - admission;
    const reads = (await gets()) - before;
    await door.close();
    console.log(
      `admission: ${people} messages, ${reads} reads in ${Math.round(spent)} ms (revision looks included)`,
    );
    assert.ok(reads < 20, `${reads} reads`);
  });
});
