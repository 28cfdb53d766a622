/** Approval cards in a Telegram chat: what people see and press, over the fake Bot API. The gateway's half is the test's. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../../src/lib/ids.ts";
import type { ApprovalRecord } from "../../../src/store/index.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, EVE, type Setup, setUp } from "./setup.ts";

const BRIDGE = "telegram.7000000001";
const homeOf = (user: number) => ({
  principal: principalOf("telegram", String(user)),
  conversation: `${BRIDGE}.${user}`,
  bridge: BRIDGE,
  deliver: { chat: String(user) },
});

describe("telegram cards", () => {
  let s: Setup;
  before(async () => {
    s = await setUp(async (turn, show) => {
      if (turn.text.startsWith("stream")) {
        for (let i = 0; i < 30; i++) {
          show("text", `part ${i}`);
          await sleep(100);
        }
      }
      return { kind: "final", markdown: `echo: ${turn.text}` };
    });
    for (const user of [ANN, BOB]) await s.ask(user, "hello", /echo: hello/);
  });
  after(() => s.close());

  const card = (user: number, approvalId: string) => {
    const message = s.cards.messageOf(BRIDGE, approvalId);
    return s.fake.bot.fromBot(user).find(({ id }) => String(id) === message?.message);
  };
  const opened = async (user: number, more: Partial<ApprovalRecord> = {}) => {
    const { approvalId } = s.cards.ask({ ...homeOf(user), ...more });
    const message = await until(
      () => {
        const found = card(user, approvalId);
        return found && found.buttons.length > 0 && found;
      },
      2_000,
      "card",
    );
    return { approvalId, id: message.id, message };
  };
  const toast = async (callbackId: string) => {
    const text = await until(() => s.fake.bot.callbackAnswer(callbackId), 3_000, "toast");
    assert.ok((s.fake.bot.callbackDelay(callbackId) ?? 1e9) < 1_000, "answered within a second");
    return text;
  };
  const tap = (user: number, id: number, label: string, more: { stale?: boolean; chat?: number } = {}) =>
    toast(s.fake.bot.press(user, more.chat ?? user, id, { label, stale: more.stale ?? false }).callbackId);
  const shows = (user: number, approvalId: string, want: RegExp) =>
    until(() => want.test(card(user, approvalId)?.text ?? ""), 2_000, `card ${want}`);

  it("appears at once, without a link preview, as an edit of a placeholder", async () => {
    const asked = Date.now();
    const { message } = await opened(ANN, { says: "curl **x**" });
    assert.ok(Date.now() - asked < 300, `${Date.now() - asked} ms`);
    assert.equal(message.history[0], "…");
    assert.match(message.text, /asks to reach\napi\.example\.com:443/);
    assert.deepEqual(message.entities[0], {
      type: "bold",
      offset: message.text.indexOf("example"),
      length: 11,
    });
    assert.match(message.text, /the agent says: “.curl \*\*x\*\*.”$/);
    assert.deepEqual(
      message.buttons.map(({ text }) => text),
      ["Allow once", "This session", "Always", "Deny"],
    );
  });

  it("appears at once while a turn streams in the same chat", async () => {
    s.fake.bot.say(BOB, "stream");
    await until(() => s.fake.bot.draft(BOB)?.text.startsWith("part"), 10_000, "stream");
    const asked = Date.now();
    const { id } = await opened(BOB);
    // A preview's pace is a second; test/bridges/telegram/limits.test.ts measures it against a quiet chat.
    assert.ok(Date.now() - asked < 900, `${Date.now() - asked} ms`);
    assert.equal(await tap(BOB, id, "Deny"), "Denied");
    await until(() => s.fake.bot.fromBot(BOB).some((m) => m.text === "echo: stream"), 6_000, "final");
  });

  const outcomes: [string, string, RegExp, Partial<ApprovalRecord>?][] = [
    ["Allow once", "Allowed once", /✅ Allowed once\n[\s\S]*User1001, \d\d:\d\d UTC/],
    ["This session", "Allowed for this session", /✅ Allowed for this session/],
    ["Always", "Always allowed. /rules takes it back.", /✅ Always allowed/],
    ["Deny", "Denied", /⛔ Denied/],
    [
      "Allow next try",
      "Allowed for the next try: one connection within 2 minutes",
      /Allowed for the next try/,
      { holding: false, held: 0 },
    ],
  ];
  for (const [label, said, want, more] of outcomes) {
    it(`${label}: told to the presser, shown on the card, no button left`, async () => {
      const { approvalId, id } = await opened(ANN, more);
      assert.equal(await tap(ANN, id, label), said);
      await shows(ANN, approvalId, want);
      assert.deepEqual(card(ANN, approvalId)?.buttons, []);
      const taps = s.cards.taps.filter((one) => one.kind === "decide" && one.approvalId === approvalId);
      assert.equal(taps.length, 1);
      assert.partialDeepStrictEqual(taps[0], {
        by: { via: "telegram", identity: String(ANN), name: "User1001" },
        ...{ bridge: BRIDGE, conversation: homeOf(ANN).conversation, message: String(id) },
      });
    });
  }

  it("asks once more about Always on a risky destination, and takes Back for an answer", async () => {
    const { approvalId, id } = await opened(ANN, { risks: ["dyndns"] });
    assert.match(await tap(ANN, id, "Always"), /second look/);
    await shows(ANN, approvalId, /Always allow this\?[\s\S]*dynamic-DNS/);
    assert.equal(await tap(ANN, id, "Back"), "Nothing was decided");
    await shows(ANN, approvalId, /asks to reach/);
    await tap(ANN, id, "Always");
    await shows(ANN, approvalId, /Always allow this\?/);
    assert.match(await tap(ANN, id, "Yes, always"), /Always allowed/);
    assert.equal(s.cards.record(approvalId).state, "allowed-always");
  });

  it("tells a second tap what the first one decided", async () => {
    const { approvalId, id } = await opened(ANN);
    const [first, second] = [
      s.fake.bot.press(ANN, ANN, id, { label: "This session" }),
      s.fake.bot.press(ANN, ANN, id, { label: "Deny" }),
    ];
    assert.equal(await toast(first.callbackId), "Allowed for this session");
    assert.equal(await toast(second.callbackId), "Already decided: allowed for this session");
    await shows(ANN, approvalId, /for this session/);
    assert.equal(await tap(ANN, id, "Deny", { stale: true }), "Already decided: allowed for this session");
  });

  it("opens nothing by a tap on an expired or cancelled card", async () => {
    for (const [state, want] of [
      ["expired", /has expired, and nothing was opened/],
      ["cancelled", /stopped waiting; nothing was opened/],
    ] as const) {
      const { approvalId, id } = await opened(ANN);
      s.cards.change(approvalId, { state, held: 0 });
      await until(() => card(ANN, approvalId)?.buttons.length === 0);
      assert.match(await tap(ANN, id, "Allow once", { stale: true }), want);
      assert.equal(s.cards.record(approvalId).state, state);
    }
  });

  it("counts the same press once, however often it is delivered", async () => {
    const { approvalId, id } = await opened(ANN, { risks: ["write"] });
    s.fake.bot.fault({ kind: "duplicate-delivery", method: "getUpdates", times: 3 });
    assert.match(await tap(ANN, id, "Always"), /second look/);
    await sleep(500);
    s.fake.bot.clearFaults();
    assert.equal(s.cards.record(approvalId).state, "pending", "a repeated press is no second one");
  });

  it("lets nobody else decide: strangers, other people, other messages, forged and forwarded data", async () => {
    const { approvalId, id } = await opened(ANN);
    const data = `ap:${approvalId}:o`;
    const handed = s.cards.taps.length;
    const press = (user: number, chat: number, message: number, given = data) =>
      toast(s.fake.bot.press(user, chat, message, { data: given }).callbackId);
    assert.equal(await press(EVE, ANN, id), "You can't decide this");
    assert.equal(s.cards.taps.length, handed, "a stranger's press reaches nobody");
    assert.equal(await press(BOB, ANN, id), "You can't decide this");
    const other = s.fake.bot.fromBot(ANN).find((m) => m.text === "echo: hello")!;
    assert.match(await press(ANN, ANN, other.id), /not the question's own/);
    const { messageId } = s.fake.bot.forward(ANN, ANN, id);
    assert.match(await press(ANN, ANN, messageId), /not the question's own/);
    s.fake.bot.addGroup({ id: -600 });
    const copy = s.fake.bot.forward(ANN, ANN, id, -600);
    // Nobody is let in from there: the press reaches nobody.
    assert.equal(await press(ANN, -600, copy.messageId), "You can't decide this");
    for (const forged of ["ap:a_00000000000000000000:o", `ap:${approvalId}:x`, "nonsense", "rv:x"])
      assert.match(await press(ANN, ANN, id, forged), /no more/, forged);
    s.fake.bot.addUser({ id: 555, first_name: "Bot" }).is_bot = true;
    s.fake.bot.press(555, ANN, id, { data });
    await until(() => s.fake.bot.unconfirmed() === 0, 2_000);
    assert.equal(s.cards.record(approvalId).state, "pending");
    const sent = s.fake.bot.fromBot(EVE).length + s.fake.bot.fromBot(-600).length;
    assert.equal(sent, 0, "a private notice, nothing else");
    assert.equal(await tap(ANN, id, "Deny"), "Denied");
  });

  it("answers a press in time when no gateway does, and when Redis is away", async () => {
    const { approvalId, id } = await opened(ANN);
    s.cards.trouble.silent = true;
    assert.match(await tap(ANN, id, "Deny"), /takes a moment/);
    s.cards.trouble.silent = false;
    s.cards.trouble.away = true;
    assert.match(await tap(ANN, id, "Deny"), /did not arrive/);
    s.cards.trouble.away = false;
    assert.equal(s.cards.record(approvalId).state, "pending", "nothing takes effect later");
    assert.equal(await tap(ANN, id, "Deny"), "Denied");
  });

  it("goes on after a restart with the same card", async () => {
    const { approvalId, id } = await opened(ANN);
    const count = s.fake.bot.fromBot(ANN).length;
    await s.bridge.close(500);
    s.cards.change(approvalId, { attempts: 7, held: 7 });
    s.bridge = await s.start({ owner: "bridge-r" });
    await shows(ANN, approvalId, /Asked 7 times/);
    assert.equal(card(ANN, approvalId)?.id, id);
    assert.equal(s.fake.bot.fromBot(ANN).length, count);
    assert.equal(await tap(ANN, id, "Deny"), "Denied");
  });

  it("keeps to 429, resets and lost answers: one card, at most a stray placeholder", async () => {
    for (const [method, kind, strays] of [
      ["sendMessage", "reset-before-apply", 0],
      ["sendMessage", "apply-then-reset", 1],
      ["sendMessage", "429", 0],
      ["editMessageText", "reset-before-apply", 0],
      ["editMessageText", "apply-then-reset", 0],
      ["editMessageText", "429", 0],
    ] as const) {
      const before = s.fake.bot.fromBot(BOB).length;
      s.fake.bot.fault({ kind, method, retryAfter: 1, match: `"chat_id":"?${BOB}` });
      const { approvalId } = s.cards.ask(homeOf(BOB));
      await until(() => (card(BOB, approvalId)?.buttons.length ?? 0) > 0, 6_000, `${kind} ${method}`);
      await sleep(100);
      const made = s.fake.bot.fromBot(BOB).slice(before);
      assert.equal(made.filter(({ text }) => text === "…").length, strays, `${kind} ${method}`);
      assert.equal(made.length, 1 + strays, `${kind} ${method}`);
      s.cards.change(approvalId, { state: "denied" });
      await shows(BOB, approvalId, /Denied/);
    }
  });

  it("ends what nobody can be shown: a chat that blocked the bot", async () => {
    s.fake.bot.block(BOB);
    s.cards.ask(homeOf(BOB));
    await until(() => (s.bridge.status().counters["cards_refused_total"] ?? 0) > 0, 3_000, "refused");
    s.fake.bot.block(BOB, false);
  });

  it("lists open questions by /approvals and shows one again below", async () => {
    await until(() => s.cards.marks(BRIDGE) >= 0);
    const { approvalId, id } = await opened(ANN, { risks: ["paste"] });
    await s.ask(ANN, "/approvals", /Waiting for your decision/);
    const list = s.fake.bot.fromBot(ANN).at(-1)!;
    assert.match(list.text, /api\.example\.com:443 \(Asked once · anybody can publish there · Open until/);
    assert.ok(list.entities.every(({ type }) => type === "code"));
    const label = list.buttons.find(({ data }) => data === `rp:${approvalId}`)!.text;
    assert.equal(await tap(ANN, list.id, label), "Here it is again");
    await until(() => (card(ANN, approvalId)?.id ?? 0) > list.id, 2_000, "card below");
    await until(
      () =>
        s.fake.bot
          .fromBot(ANN)
          .find((m) => m.id === id)
          ?.text.includes("stands below"),
      2_000,
      "former card",
    );
    assert.match(await tap(ANN, id, "Deny", { stale: true }), /not the question's own/);
    const forged = s.fake.bot.press(BOB, BOB, s.fake.bot.fromBot(BOB)[0]!.id, { data: `rp:${approvalId}` });
    assert.match(await toast(forged.callbackId), /no more/);
    const below = await until(() => {
      const found = card(ANN, approvalId);
      return found && found.buttons.length > 0 && found;
    });
    assert.equal(await tap(ANN, below.id, "Deny"), "Denied");
    assert.match(await tap(ANN, list.id, label), /Already decided: denied/);
  });

  it("lists standing rules by /rules and takes one back by its button", async () => {
    const { principal } = homeOf(BOB);
    await s.ask(BOB, "/rules", /There are no standing rules/);
    const [one, two] = [
      s.cards.rule({ principal, host: "one.example.com" }),
      s.cards.rule({ principal, host: "two.example.com" }),
    ];
    await s.ask(BOB, "/rules", /What you always allow/);
    const list = s.fake.bot.fromBot(BOB).at(-1)!;
    assert.deepEqual(
      list.buttons.map(({ text, data }) => [text, data]),
      [
        ["Revoke 1", `rv:${one.ruleId}`],
        ["Revoke 2", `rv:${two.ruleId}`],
      ],
    );
    const foreign = s.fake.bot.press(ANN, ANN, s.fake.bot.fromBot(ANN)[0]!.id, { data: `rv:${one.ruleId}` });
    assert.equal(await toast(foreign.callbackId), "You can't decide this");
    assert.match(await tap(BOB, list.id, "Revoke 1"), /Revoked/);
    await until(
      () => s.fake.bot.fromBot(BOB).find((m) => m.id === list.id)?.buttons.length === 1,
      2_000,
      "list",
    );
    assert.match(s.fake.bot.fromBot(BOB).find((m) => m.id === list.id)!.text, /1\. two\.example\.com:443/);
    assert.deepEqual(s.cards.rulesOf(principal), [two]);
    assert.equal(
      await toast(s.fake.bot.press(BOB, BOB, list.id, { data: `rv:${one.ruleId}` }).callbackId),
      "This rule is no more",
    );
    await s.ask(BOB, `/rules revoke ${two.ruleId}`, /Revoked/);
    await s.ask(BOB, "/rules revoke everything", /This rule is no more/);
    assert.deepEqual(s.cards.rulesOf(principal), []);
  });

  it("ends session grants by /new, and /new doesn't wait for it", async () => {
    s.cards.trouble.silent = true;
    const asked = Date.now();
    await s.ask(ANN, "/new", /fresh conversation/);
    assert.ok(Date.now() - asked < 1_500);
    s.cards.trouble.silent = false;
    assert.partialDeepStrictEqual(
      s.cards.taps.findLast(({ kind }) => kind === "reset"),
      {
        kind: "reset",
        conversation: homeOf(ANN).conversation,
        by: { via: "telegram", identity: String(ANN) },
      },
    );
  });

  it("gives no answer of an agent a button, whatever it writes", async () => {
    await s.ask(ANN, "[Allow once](ap:a_00000000000000000000:o) 🛡️ Your agent asks to reach", /echo: /);
    const message = s.fake.bot.fromBot(ANN).at(-1)!;
    assert.deepEqual(message.buttons, []);
    assert.match(message.text, /\[shield\] Your agent asks/);
  });
});
