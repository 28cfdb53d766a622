/** Messages that come in pieces, and messages that are corrected: one turn with all of it, or an honest rule. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Update } from "grammy/types";
import { Expectations } from "../../../src/bridges/telegram/expected.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

describe("telegram pieces", () => {
  let s: Setup;
  /** A turn that hangs ends only when the test lets it. */
  let hanging = false;
  const hang = async (user: number, text: string) => {
    hanging = true;
    s.fake.bot.say(user, text);
    await until(
      async () => (await s.bridgeStore.conversations.look(`telegram.7000000001.${user}`)).turn,
      10_000,
    );
  };
  const stored = () => until(() => s.fake.bot.unconfirmed() === 0, 10_000, "stored");
  before(async () => {
    s = await setUp(async (turn) => {
      while (turn.text.startsWith("hang") && hanging) await sleep(20);
      return { kind: "final", markdown: "ok" };
    });
  });
  after(() => s.close());

  it("a paste that the client split is one message, letter for letter", async () => {
    const line = "0123456789 abcdefghij\n";
    const whole = line.repeat(500).trim();
    // Cut hard at 4096, as clients do without white space near; then at a line's end.
    const cut = whole.lastIndexOf("\n", 4_096 + 4_096);
    for (const text of [whole.slice(0, 4_096), whole.slice(4_096, cut), whole.slice(cut + 1)])
      s.fake.bot.say(ANN, text);
    const turn = await until(() => s.worker.turns.find(({ text }) => text.startsWith(line)), 10_000, "turn");
    assert.equal(turn.text, whole);
    assert.equal(turn.seqs.length, 3);
  });

  it("messages that come at once are one turn, and so are those behind a running turn", async () => {
    for (const text of ["b1", "b2", "b3"]) s.fake.bot.say(BOB, text);
    await until(() => s.worker.texts.join(" ").includes("b3"), 10_000, "b3");
    const turns = s.worker.turns.filter(({ text }) => text.startsWith("b"));
    assert.ok(turns.length <= 2, "the first may be taken by itself");
    assert.equal(turns.map(({ text }) => text).join("\n\n"), "b1\n\nb2\n\nb3");
    await hang(BOB, "hang on");
    for (const text of ["c1", "c2", "c3"]) {
      s.fake.bot.say(BOB, text);
      await sleep(150);
    }
    await stored();
    hanging = false;
    const merged = await until(() => s.worker.turns.find(({ text }) => text.startsWith("c1")), 10_000, "c1");
    assert.equal(merged.text, "c1\n\nc2\n\nc3");
  });

  it("a single message waits for nothing", async () => {
    // The quickest of some: a wait would be in each of them.
    const times: number[] = [];
    for (let i = 0; i < 6; i++) {
      const asked = performance.now();
      await s.ask(ANN, `alone ${i}`, /^ok$/, 10_000);
      times.push(performance.now() - asked);
      await sleep(320);
    }
    assert.ok(Math.min(...times) < 290, times.map(Math.round).join(" "));
  });

  it("an edit before the agent has begun replaces the message; later ones change nothing", async () => {
    await hang(ANN, "hang for an edit");
    const { messageId } = s.fake.bot.say(ANN, "first wording");
    s.fake.bot.editOwn(ANN, messageId, "second wording");
    await stored();
    hanging = false;
    await until(() => s.worker.texts.includes("second wording"), 10_000, "edited text");
    s.fake.bot.editOwn(ANN, messageId, "third wording");
    await until(() => s.fake.bot.unconfirmed() === 0);
    await sleep(200);
    assert.ok(!s.worker.texts.some((text) => /first|third/.test(text)));
  });

  it("a command is never a piece, nor an edit into one", async () => {
    await hang(ANN, "hang again");
    const { messageId } = s.fake.bot.say(ANN, "words");
    s.fake.bot.editOwn(ANN, messageId, "/stop");
    await stored();
    hanging = false;
    await until(() => s.worker.texts.includes("words"), 10_000, "words");
  });
});

describe("expectations", () => {
  const from = { id: 5, is_bot: false, first_name: "Ann" };
  const update = (text: string, more: object = {}): Update =>
    ({
      update_id: 1,
      message: { message_id: 1, date: 0, chat: { id: 5, type: "private" }, from, text, ...more },
    }) as never;
  const rows: [string, [Update, boolean, number][], object][] = [
    ["one message", [[update("hi"), false, 0]], {}],
    ["more of the same in one answer", [[update("hi"), true, 0]], { quietMs: 300, quietIfAhead: false }],
    ["a full text", [[update("x".repeat(4_096)), false, 0]], { quietMs: 300, quietIfAhead: false }],
    [
      "what follows a full text",
      [
        [update("x".repeat(4_096)), false, 0],
        [update("rest"), false, 100],
      ],
      { join: "" },
    ],
    [
      "what follows a text cut at white space",
      [
        [update("x".repeat(4_000)), false, 0],
        [update("rest"), false, 100],
      ],
      { join: "\n" },
    ],
    [
      "what follows a full text much later",
      [
        [update("x".repeat(4_096)), false, 0],
        [update("other"), false, 400],
      ],
      {},
    ],
    [
      "a quick second message",
      [
        [update("a"), false, 0],
        [update("b"), false, 200],
      ],
      { quietMs: 300, quietIfAhead: true },
    ],
    [
      "a message after a command",
      [
        [update("/new"), false, 0],
        [update("b"), false, 10],
      ],
      {},
    ],
    [
      "a file of an album",
      [[update("", { media_group_id: "1" }), false, 0]],
      { quietMs: 500, quietIfAhead: false },
    ],
    [
      "a forwarded message",
      [[update("x", { forward_origin: {} }), false, 0]],
      { quietMs: 300, quietIfAhead: false },
    ],
    ["a command", [[update("/stop"), true, 0]], {}],
  ];
  for (const [name, given, want] of rows)
    it(name, () => {
      const expectations = new Expectations();
      assert.deepEqual(given.map((one) => expectations.judge(...one)).at(-1), want);
    });
});
