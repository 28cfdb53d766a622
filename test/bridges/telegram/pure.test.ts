/** Telegram's pure parts: what a request's end means, what an update is, how blocks look. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GrammyError, HttpError } from "grammy";
import type { Update } from "grammy/types";
import { parseMarkdown } from "../../../src/bridges/core/index.ts";
import { draftIdOf, readUpdate } from "../../../src/bridges/telegram/inbound.ts";
import { failureOutcome, isNotModified } from "../../../src/bridges/telegram/outcome.ts";
import { renderHtml } from "../../../src/bridges/telegram/render.ts";
import { parseHtml } from "../../fakes/telegram/entities.ts";

describe("outcomes", () => {
  const refusal = (error_code: number, description: string, parameters = {}) =>
    failureOutcome(
      new GrammyError("x", { ok: false, error_code, description, parameters }, "sendMessage", {}),
    );
  const network = (code: string) =>
    failureOutcome(
      new HttpError("x", Object.assign(new Error("request to https://api/bot123:SECRET/x failed"), { code })),
    );
  const cases: [string, ReturnType<typeof failureOutcome>, object][] = [
    [
      "429",
      refusal(429, "Too Many Requests: retry after 7", { retry_after: 7 }),
      { kind: "not-applied", retryAfterMs: 7_000 },
    ],
    ["500", refusal(500, "Internal Server Error"), { kind: "unknown" }],
    ["502", refusal(502, "Bad Gateway"), { kind: "unknown" }],
    ["401", refusal(401, "Unauthorized"), { kind: "not-applied" }],
    [
      "markup",
      refusal(400, "Bad Request: can't parse entities: Unsupported start tag"),
      { kind: "refused", reason: "markup" },
    ],
    ["gone", refusal(400, "Bad Request: message to edit not found"), { kind: "refused", reason: "gone" }],
    [
      "blocked",
      refusal(403, "Forbidden: bot was blocked by the user"),
      { kind: "refused", reason: "unreachable" },
    ],
    ["any other 403", refusal(403, "Forbidden: something new"), { kind: "refused", reason: "unreachable" }],
    ["no such chat", refusal(400, "Bad Request: chat not found"), { kind: "refused", reason: "unreachable" }],
    ["any other 400", refusal(400, "Bad Request: SOMETHING_NEW"), { kind: "refused", reason: "other" }],
    ["connection refused", network("ECONNREFUSED"), { kind: "not-applied" }],
    ["no such host", network("ENOTFOUND"), { kind: "not-applied" }],
    ["reset", network("ECONNRESET"), { kind: "unknown" }],
    ["timed out", network("ETIMEDOUT"), { kind: "unknown" }],
    ["anything else", failureOutcome(new TypeError("x")), { kind: "unknown" }],
  ];
  for (const [name, outcome, want] of cases) {
    it(name, () => {
      assert.partialDeepStrictEqual(outcome, want);
      assert.doesNotMatch(JSON.stringify(outcome), /SECRET/);
    });
  }
  it("knows a repeated edit by its wording", () => {
    assert.equal(
      isNotModified(refusal(400, "Bad Request: message is not modified: specified new message content …")),
      true,
    );
    assert.equal(isNotModified(refusal(400, "Bad Request: message text is empty")), false);
  });
});

describe("updates", () => {
  const from = { id: 5, is_bot: false, first_name: "Ann", last_name: "B", username: "not_used" };
  const message = (more: object) =>
    ({
      update_id: 9,
      message: { message_id: 3, date: 0, chat: { id: 5, type: "private" }, from, ...more },
    }) as unknown as Update;
  it("a private text is a message, keyed by its update", () => {
    assert.deepEqual(readUpdate(message({ text: "hi" }), 77), {
      kind: "message",
      message: {
        conversation: "telegram.77.5",
        bridge: "telegram.77",
        updateKey: "9",
        deliver: { chat: "5", replyTo: "3" },
        sender: { id: "5", name: "Ann B" },
        place: { kind: "private" },
        text: "hi",
      },
    });
  });
  const group = { id: -5, type: "supergroup", title: "Team" };
  const bot = { id: 77, is_bot: true, first_name: "Claw" };
  const places: [string, Update, object][] = [
    [
      "talk in a group",
      message({ text: "x", chat: group }),
      { conversation: "telegram.77.-5", addressed: false },
    ],
    [
      "a mention",
      message({ text: "hi @Claw_Bot", chat: group, entities: [{ type: "mention", offset: 3, length: 9 }] }),
      { conversation: "telegram.77.-5", addressed: true },
    ],
    [
      "another bot's mention",
      message({ text: "hi @other_bot", chat: group, entities: [{ type: "mention", offset: 3, length: 10 }] }),
      { conversation: "telegram.77.-5", addressed: false },
    ],
    [
      "an answer to the bot",
      message({ text: "x", chat: group, reply_to_message: { message_id: 1, from: bot } }),
      { conversation: "telegram.77.-5", addressed: true },
    ],
    [
      "a forum topic",
      message({ text: "x", chat: group, message_thread_id: 9, is_topic_message: true }),
      { conversation: "telegram.77.-5.9", addressed: false },
    ],
    [
      "a thread of replies, which is no topic",
      message({ text: "x", chat: group, message_thread_id: 9 }),
      { conversation: "telegram.77.-5", addressed: false },
    ],
  ];
  for (const [name, update, want] of places)
    it(`${name}: its conversation, and whether the bot is meant`, () => {
      const read = readUpdate(update, 77, "claw_bot");
      assert.ok(read.kind === "message" && read.message.place.kind === "group");
      const { conversation, place } = read.message;
      assert.deepEqual({ conversation, addressed: place.addressed }, want);
    });
  it("a recording is its sender's spoken words, a forwarded one is a file", () => {
    const forward_origin = {
      type: "user",
      date: 0,
      sender_user: { id: 6, is_bot: false, first_name: "Eve" },
    };
    const file = { file_id: "f", file_unique_id: "u", duration: 1 };
    for (const recording of [{ voice: file }, { video_note: { ...file, length: 1 } }])
      for (const [more, spoken] of [
        [{}, true],
        [{ forward_origin }, undefined],
      ] as const) {
        const read = readUpdate(message({ ...recording, ...more }), 77);
        assert.ok(read.kind === "message");
        assert.equal(read.message.files?.[0]?.spoken, spoken);
      }
  });
  it("reads an edit, and the native Stop of a draft", () => {
    const edited = { update_id: 1, edited_message: message({ text: "x" }).message } as unknown as Update;
    assert.equal(readUpdate(edited, 77).kind, "edit");
    const chat = { id: 5, type: "private", first_name: "Ann" };
    const stopped = { update_id: 2, stopped_message_generation: { chat, draft_id: 3 } } as unknown as Update;
    assert.deepEqual(readUpdate(stopped, 77), {
      kind: "stopped",
      stop: {
        ...{ conversation: "telegram.77.5", chat: "5", draftId: 3, sender: { id: "5", name: "Ann" } },
        place: { kind: "private" },
      },
    });
  });
  it("a turn's draft has the same number always, not zero, and below 2^31", () => {
    const ids = Array.from({ length: 500 }, (_, i) => draftIdOf(`t_${String(i).padStart(20, "a")}`));
    assert.ok(ids.every((id) => Number.isInteger(id) && id > 0 && id < 2 ** 31));
    assert.equal(new Set(ids).size, 500);
    assert.equal(draftIdOf("t_x"), draftIdOf("t_x"));
  });
  const ignored: [string, Update][] = [
    ["a bot", message({ text: "x", from: { ...from, is_bot: true } })],
    ["a channel's post", message({ text: "x", from: undefined })],
    ["a service message", message({ pinned_message: {} })],
    [
      "a tap on an inline message",
      { update_id: 1, callback_query: { id: "c", from, chat_instance: "1", data: "x" } } as unknown as Update,
    ],
  ];
  for (const [name, update] of ignored)
    it(`${name} is ignored`, () => assert.equal(readUpdate(update, 77).kind, "ignore"));
});

describe("rendering", () => {
  const cases: [string, string, string][] = [
    ["emphasis", "**b** *i* ~~s~~ `c<`", "<b>b</b> <i>i</i> <s>s</s> <code>c&lt;</code>"],
    ["headings", "# One\n\n## Two", "<b><u>One</u></b>\n\n<b>Two</b>"],
    ["code", "```js\na < b && c\n```", '<pre><code class="language-js">a &lt; b &amp;&amp; c</code></pre>'],
    ["code with a hostile language", '```x"><b>\n1\n```', "<pre>1</pre>"],
    ["nested lists", "1. a\n   - b\n     - c\n2. d", "1. a\n   • b\n      • c\n2. d"],
    ["tasks", "- [x] done\n- [ ] open", "☑ done\n☐ open"],
    ["quotations don't nest", "> a\n>\n> > b", "<blockquote>a\n\nb</blockquote>"],
    [
      "links",
      '[t](https://example.org/?a=1&b="2")',
      '<a href="https://example.org/?a=1&amp;b=%222%22">t</a> (<code>example.org</code>)',
    ],
    [
      "other schemes are code",
      "[t](javascript:alert(1)) [f](file:///etc)",
      "t <code>javascript:alert(1)</code> f <code>file:///etc</code>",
    ],
    [
      "a link that hides its host behind a name",
      "[t](https://bank.example@evil.example/)",
      "t <code>https://bank.example@evil.example/</code>",
    ],
    ["images are text", "![alt](https://x.test/a.png)", "[image: alt] <code>https://x.test/a.png</code>"],
    ["raw HTML is text", "<img src=x> <b>no</b>", "&lt;img src=x&gt; &lt;b&gt;no&lt;/b&gt;"],
    ["narrow tables", "| a | bb |\n|---|---:|\n| 1 | 2 |", "<pre>a │ bb\n──┼───\n1 │  2</pre>"],
    ["right-to-left and emoji", "שלום **עולם** 🙂", "שלום <b>עולם</b> 🙂"],
    ["footnotes", "a[^1]\n\n[^1]: note", "a[1]\n\n[1] note"],
    [
      "reference links",
      "[t][r]\n\n[r]: https://example.org",
      '<a href="https://example.org">t</a> (<code>example.org</code>)',
    ],
    ["hard breaks and rules", "a  \nb\n\n---", "a\nb\n\n———"],
  ];
  for (const [name, markdown, want] of cases) {
    it(name, () => {
      const html = renderHtml(parseMarkdown(markdown));
      assert.equal(html.replace(/&quot;/g, "%22"), want);
      parseHtml(html);
    });
  }
  it("shows a wide table row by row, for a phone", () => {
    const html = renderHtml(
      parseMarkdown(
        `| name | what it does | why |\n|---|---|---|\n| outbox | delivers answers exactly once | ${"because ".repeat(6)}|`,
      ),
    );
    assert.match(html, /^▪️ <b>name<\/b>: outbox\n {3}<b>what it does<\/b>: delivers answers exactly once\n/);
    parseHtml(html);
  });
});
