/** Each rule of the Bot API about messages that the fake enforces: a fake that is too kind would hide our mistakes. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ANN, type Answer, FORUM, GROUP, OFF, type Rules, startRules } from "./rules.ts";

describe("fake telegram: messages", () => {
  let r: Rules;
  before(async () => {
    r = await startRules();
  });
  beforeEach(() => {
    // Each case starts with full buckets.
    r.pass(120_000);
  });
  after(() => r.fake.close());

  const call: Rules["call"] = (...args) => r.call(...args);
  const refused: Rules["refused"] = (...args) => r.refused(...args);
  const send: Rules["send"] = (...args) => r.send(...args);
  const sent: Rules["sent"] = (...args) => r.sent(...args);
  describe("requests", () => {
    it("wants the right token", async () => {
      assert.equal((await call("getMe", {}, "7000000001:some-other-token-0123456789")).error_code, 401);
      assert.equal((await call("getMe", {}, "rubbish")).error_code, 404);
      assert.equal((await call("getMe")).result.username, "fake_claw_bot");
    });
    it("knows no other methods and parameters", async () => {
      await refused("sendMesage", {}, /method not found/, 404);
      await refused("constructor", {}, /method not found/, 404);
      await refused(
        "sendMessage",
        { chat_id: ANN, text: "x", ...OFF, parsemode: "HTML" },
        /unknown parameter "parsemode"/,
      );
      await refused(
        "sendMessage",
        { chat_id: ANN, text: "x", disable_web_page_preview: true },
        /unknown parameter/,
      );
    });
    it("wants required parameters of the right type", async () => {
      await refused("sendMessage", { text: "x" }, /chat_id is empty/);
      await refused("sendMessage", { chat_id: ANN }, /message text is empty/);
      await refused("editMessageText", { chat_id: ANN, text: "x" }, /message identifier is not specified/);
      await refused("deleteMessage", { chat_id: ANN, message_id: "seven" }, /must be an integer/);
    });
    it("takes forms and query strings too", async () => {
      const form = new URLSearchParams({
        chat_id: String(ANN),
        text: "form",
        link_preview_options: '{"is_disabled":true}',
      });
      const answer = await fetch(`${r.fake.url}/bot${r.fake.token}/sendMessage`, {
        method: "POST",
        body: form,
      });
      assert.equal(((await answer.json()) as Answer).ok, true);
    });
  });

  describe("text", () => {
    it("is 1 to 4096 units after entity parsing and trimming", async () => {
      assert.equal((await send("x".repeat(4096))).ok, true);
      await refused("sendMessage", { chat_id: ANN, text: "x".repeat(4097), ...OFF }, /message is too long/);
      assert.equal((await send(`<b>${"x".repeat(4096)}</b>`, { parse_mode: "HTML" })).ok, true);
      await refused("sendMessage", { chat_id: ANN, text: "  \n ", ...OFF }, /message text is empty/);
      await refused(
        "sendMessage",
        { chat_id: ANN, text: "<b></b>", parse_mode: "HTML", ...OFF },
        /message text is empty/,
      );
      assert.equal((await send("  trimmed \n")).result.text, "trimmed");
      const id = await sent("short");
      await refused(
        "editMessageText",
        { chat_id: ANN, message_id: id, text: "x".repeat(4097), ...OFF },
        /MESSAGE_TOO_LONG/,
      );
    });
    it("needs link previews disabled, in sends and edits", async () => {
      await refused("sendMessage", { chat_id: ANN, text: "x" }, /link_preview_options/);
      await refused(
        "sendMessage",
        { chat_id: ANN, text: "x", link_preview_options: { is_disabled: false } },
        /link_preview_options/,
      );
      const id = await sent("x");
      await refused("editMessageText", { chat_id: ANN, message_id: id, text: "y" }, /link_preview_options/);
    });
  });

  describe("HTML style", () => {
    const html = (text: string) => send(text, { parse_mode: "HTML" });
    it("gives entities with UTF-16 offsets", async () => {
      const { result } = await html(
        '🙂 <b>bold <i>both</i></b> <a href="https://e.org/?a=1&amp;b=2">l</a> <pre><code class="language-ts">x &lt; y</code></pre>',
      );
      assert.equal(result.text, "🙂 bold both l x < y");
      assert.deepEqual(result.entities, [
        { type: "bold", offset: 3, length: 9 },
        { type: "italic", offset: 8, length: 4 },
        { type: "text_link", offset: 13, length: 1, url: "https://e.org/?a=1&b=2" },
        { type: "pre", offset: 15, length: 5, language: "ts" },
      ]);
    });
    const bad: [string, RegExp][] = [
      ["<b>open", /can't parse entities: Can't find end tag corresponding to start tag "b"/],
      ["<b><i>x</b></i>", /Unmatched end tag at byte offset 7, expected "<\/i>", found "<\/b>"/],
      ["x</b>", /Unexpected end tag at byte offset 1/],
      ["<h1>x</h1>", /Unsupported start tag "h1" at byte offset 0/],
      ["é<img src=x>", /Unsupported start tag "img" at byte offset 2/],
      ["a < b", /Unsupported start tag "" at byte offset 2/],
      ["<b", /Unclosed start tag at byte offset 0/],
      ["<span>x</span>", /Tag "span" must have class "tg-spoiler"/],
    ];
    for (const [text, want] of bad) {
      it(`refuses ${text}`, async () => {
        await refused("sendMessage", { chat_id: ANN, text, parse_mode: "HTML", ...OFF }, want);
        const id = await sent(`for ${text}`);
        await refused(
          "editMessageText",
          { chat_id: ANN, message_id: id, text, parse_mode: "HTML", ...OFF },
          want,
        );
      });
    }
  });

  describe("MarkdownV2 style", () => {
    it("gives entities", async () => {
      const { result } = await send("*b* _i_ `c\\`` [l](https://e.org) ||s|| \\!", {
        parse_mode: "MarkdownV2",
      });
      assert.equal(result.text, "b i c` l s !");
      assert.deepEqual(
        result.entities.map((e: { type: string }) => e.type),
        ["bold", "italic", "code", "text_link", "spoiler"],
      );
    });
    for (const [text, want] of [
      ["end.", /Character '\.' is reserved and must be escaped with the preceding '\\'/],
      ["*open", /Can't find end of Bold entity at byte offset 0/],
      ["[x](y", /Can't find end of a URL/],
    ] as const) {
      it(`refuses ${text}`, () =>
        refused("sendMessage", { chat_id: ANN, text, parse_mode: "MarkdownV2", ...OFF }, want));
    }
    it("knows no other style", () =>
      refused(
        "sendMessage",
        { chat_id: ANN, text: "x", parse_mode: "BBCode", ...OFF },
        /unsupported parse_mode/,
      ));
  });

  describe("edits and deletions", () => {
    it("refuse what changes nothing", async () => {
      const id = await sent("same");
      await refused(
        "editMessageText",
        { chat_id: ANN, message_id: id, text: "same ", ...OFF },
        /message is not modified: specified new message content/,
      );
      assert.equal(
        (
          await call("editMessageText", {
            chat_id: ANN,
            message_id: id,
            text: "<b>same</b>",
            parse_mode: "HTML",
            ...OFF,
          })
        ).ok,
        true,
      );
      assert.deepEqual(r.fake.bot.messages(ANN).find((m) => m.id === id)?.history, ["same", "same"]);
    });
    it("refuse what isn't there, or isn't the bot's", async () => {
      await refused(
        "editMessageText",
        { chat_id: ANN, message_id: 1, text: "x", ...OFF },
        /message to edit not found/,
      );
      await refused("deleteMessage", { chat_id: ANN, message_id: 1 }, /message to delete not found/);
      const { messageId } = r.fake.bot.say(ANN, "mine");
      await refused(
        "editMessageText",
        { chat_id: ANN, message_id: messageId, text: "x", ...OFF },
        /message can't be edited/,
      );
      const id = await sent("gone soon");
      assert.equal((await call("deleteMessage", { chat_id: ANN, message_id: id })).result, true);
      await refused(
        "editMessageText",
        { chat_id: ANN, message_id: id, text: "x", ...OFF },
        /message to edit not found/,
      );
    });
  });

  describe("chats", () => {
    it("must exist and let the bot in", async () => {
      await refused("sendMessage", { chat_id: 999, text: "x", ...OFF }, /chat not found/);
      r.fake.bot.say(1002, "hi");
      r.fake.bot.block(1002);
      await refused(
        "sendMessage",
        { chat_id: 1002, text: "x", ...OFF },
        /Forbidden: bot was blocked by the user/,
        403,
      );
    });
    it("check the message that is answered", async () => {
      await refused(
        "sendMessage",
        { chat_id: ANN, text: "x", ...OFF, reply_parameters: { message_id: 1 } },
        /message to be replied not found/,
      );
      assert.equal(
        (await send("x", { reply_parameters: { message_id: 1, allow_sending_without_reply: true } })).ok,
        true,
      );
    });
    it("check forum topics; General is addressed by none", async () => {
      assert.equal((await send("x", { chat_id: FORUM, message_thread_id: 7 })).result.message_thread_id, 7);
      await refused(
        "sendMessage",
        { chat_id: FORUM, text: "x", message_thread_id: 8, ...OFF },
        /message thread not found/,
      );
      await refused(
        "sendMessage",
        { chat_id: FORUM, text: "x", message_thread_id: 1, ...OFF },
        /message thread not found/,
      );
      assert.equal((await send("x", { chat_id: FORUM })).ok, true);
    });
    it("have topics in private only where the bot has them at all, which getMe tells", async () => {
      assert.equal((await call("getMe")).result.has_topics_enabled, false);
      await refused(
        "sendMessage",
        { chat_id: ANN, text: "x", message_thread_id: 7, ...OFF },
        /message thread not found/,
      );
    });
    it("show typing for 5 s, or until the bot says something", async () => {
      const { actions } = r.fake.bot.state;
      assert.equal(r.fake.bot.typing(GROUP), false);
      await call("sendChatAction", { chat_id: GROUP, action: "typing" });
      assert.equal(r.fake.bot.typing(GROUP), true);
      actions.at(-1)!.at -= 5_000;
      assert.equal(r.fake.bot.typing(GROUP), false);
      await call("sendChatAction", { chat_id: GROUP, action: "typing" });
      await sleep(5);
      await send("said", { chat_id: GROUP });
      assert.equal(r.fake.bot.typing(GROUP), false);
    });
    it("show typing only for known actions", async () => {
      assert.equal((await call("sendChatAction", { chat_id: ANN, action: "typing" })).result, true);
      await refused("sendChatAction", { chat_id: ANN, action: "thinking" }, /wrong parameter action/);
    });
  });

  describe("drafts", () => {
    it("are for private chats only, with a non-zero id", async () => {
      assert.equal(
        (await call("sendMessageDraft", { chat_id: ANN, draft_id: 5, text: "so far", can_stop: true }))
          .result,
        true,
      );
      assert.equal(r.fake.bot.draft(ANN)?.text, "so far");
      await refused("sendMessageDraft", { chat_id: GROUP, draft_id: 5, text: "x" }, /only to private chats/);
      await refused(
        "sendRichMessageDraft",
        { chat_id: GROUP, draft_id: 5, rich_message: { markdown: "x" } },
        /only to private chats/,
      );
      await refused("sendMessageDraft", { chat_id: ANN, draft_id: 0, text: "x" }, /non-zero/);
      await refused("sendMessageDraft", { chat_id: ANN, draft_id: 5, text: "x".repeat(4097) }, /too long/);
    });
    it("have no link and no address outside code: there is no switch for previews", async () => {
      const at = { chat_id: ANN, draft_id: 9, parse_mode: "HTML" };
      for (const text of ["https://x.test", "see evil.example/x", '<a href="https://x.test">t</a>'])
        await refused("sendMessageDraft", { ...at, text }, /FAKE: .*previewed/);
      assert.equal(
        (await call("sendMessageDraft", { ...at, text: "<code>https://x.test</code> v1.2" })).ok,
        true,
      );
      await refused("sendMessageDraft", { ...at, text: "x", message_thread_id: 99 }, /thread not found/);
    });
    it("are empty while nothing is said, and fade after 30 s with their button", async () => {
      assert.equal((await call("sendMessageDraft", { chat_id: ANN, draft_id: 7, can_stop: true })).ok, true);
      assert.equal(r.fake.bot.draft(ANN)?.text, "");
      r.fake.bot.state.drafts.find(({ draftId }) => draftId === 7)!.at -= 30_000;
      assert.equal(r.fake.bot.draft(ANN), undefined);
      assert.throws(() => r.fake.bot.pressStop(ANN), /no draft with a stop button/);
    });
    it("have a stop button only when that was asked for", async () => {
      await call("sendMessageDraft", { chat_id: ANN, draft_id: 8, text: "so far" });
      assert.throws(() => r.fake.bot.pressStop(ANN), /no draft with a stop button/);
    });
    it("end with a message, and their stop button is an update", async () => {
      await call("sendMessageDraft", { chat_id: ANN, draft_id: 6, can_stop: true });
      const id = r.fake.bot.pressStop(ANN);
      const update = r.fake.bot.updates.pending.find((one) => one.update_id === id)!;
      assert.equal((update["stopped_message_generation"] as { draft_id: number }).draft_id, 6);
      await send("final");
      assert.equal(r.fake.bot.draft(ANN), undefined);
    });
  });

  describe("rich messages", () => {
    it("are destroyed by a plain edit, and have one source", async () => {
      const { result } = await call("sendRichMessage", { chat_id: ANN, rich_message: { markdown: "| a |" } });
      assert.equal(r.fake.bot.messages(ANN).find((m) => m.id === result.message_id)?.rich, true);
      await call("editMessageText", { chat_id: ANN, message_id: result.message_id, text: "plain", ...OFF });
      assert.equal(r.fake.bot.messages(ANN).find((m) => m.id === result.message_id)?.rich, false);
      await refused(
        "sendRichMessage",
        { chat_id: ANN, rich_message: { markdown: "a", html: "b" } },
        /exactly one/,
      );
    });
  });

  describe("buttons", () => {
    const keyboard = (data: string) => ({
      reply_markup: { inline_keyboard: [[{ text: "Go", callback_data: data }]] },
    });
    it("carry 1 to 64 bytes", async () => {
      assert.equal((await send("x", keyboard("é".repeat(32)))).ok, true);
      await refused(
        "sendMessage",
        { chat_id: ANN, text: "x", ...OFF, ...keyboard("é".repeat(33)) },
        /BUTTON_DATA_INVALID/,
      );
      await refused(
        "sendMessage",
        { chat_id: ANN, text: "x", ...OFF, ...keyboard("") },
        /BUTTON_DATA_INVALID/,
      );
    });
    it("are answered once", async () => {
      const id = await sent("press me", keyboard("go"));
      const { callbackId } = r.fake.bot.press(ANN, ANN, id, { label: "Go" });
      assert.equal(
        (await call("answerCallbackQuery", { callback_query_id: callbackId, text: "ok" })).result,
        true,
      );
      await refused(
        "answerCallbackQuery",
        { callback_query_id: callbackId },
        /query is too old and response timeout expired or query ID is invalid/,
      );
      await refused("answerCallbackQuery", { callback_query_id: "cb999" }, /query ID is invalid/);
      assert.equal(r.fake.bot.callbackAnswer(callbackId), "ok");
      assert.ok((r.fake.bot.callbackDelay(callbackId) ?? 1e9) < 1_000);
    });
    it("are answered in time or not at all, and in 200 characters", async () => {
      const id = await sent("press me", keyboard("go"));
      const { callbackId } = r.fake.bot.press(ANN, ANN, id, { label: "Go" });
      const text = "x".repeat(201);
      await refused("answerCallbackQuery", { callback_query_id: callbackId, text }, /MESSAGE_TOO_LONG/);
      r.fake.bot.state.callbacks.get(callbackId)!.at -= 11_000;
      await refused("answerCallbackQuery", { callback_query_id: callbackId }, /query is too old/);
      assert.equal(r.fake.bot.callbackAnswer(callbackId), undefined);
    });
    it("can be pressed by strangers, with other data, and after they are gone", async () => {
      const id = await sent("press me", keyboard("go"));
      assert.equal(
        (await call("editMessageText", { chat_id: ANN, message_id: id, text: "over", ...OFF })).ok,
        true,
      );
      assert.throws(() => r.fake.bot.press(ANN, ANN, id, { label: "Go" }), /no button "Go"/);
      const late = r.fake.bot.press(ANN, ANN, id, { label: "Go", stale: true });
      const forged = r.fake.bot.press(4_242, ANN, id, { data: "anything" });
      assert.throws(() => r.fake.bot.press(ANN, ANN, id, { data: "x".repeat(65) }), /64 bytes/);
      const { messageId } = r.fake.bot.forward(ANN, ANN, await sent("has one", keyboard("go")));
      assert.deepEqual(r.fake.bot.messages(ANN).find((m) => m.id === messageId)?.buttons, []);
      const updates = r.fake.bot.updates.pending.flatMap(
        (update) => (update["callback_query"] as { id: string; data: string; from: { id: number } }) ?? [],
      );
      const seen = (callbackId: string) => updates.find((query) => query.id === callbackId);
      assert.equal(seen(late.callbackId)?.data, "go");
      assert.deepEqual(
        [seen(forged.callbackId)?.data, seen(forged.callbackId)?.from.id],
        ["anything", 4_242],
      );
    });
  });
});
