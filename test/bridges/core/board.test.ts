/**
 * The card board against every trouble: each request fails in each way, the process dies before and after each step,
 * counters come by the hundred. A question is shown exactly once, with at most one stray placeholder, which is counted.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CardBoard } from "../../../src/bridges/core/cards/board.ts";
import { Counters } from "../../../src/bridges/core/counters.ts";
import { type BridgePlatform, type Outcome, plainText } from "../../../src/bridges/core/index.ts";
import type { CardPort } from "../../../src/store/index.ts";
import { silent } from "../../helpers/redis.ts";
import { memoryCards } from "../memory-cards.ts";
import { until } from "../tiny-worker.ts";

const BRIDGE = "test.1";
const HOME = {
  principal: "p_aaaaaaaaaaaaaaaaaaaa",
  conversation: "test.1.5",
  bridge: BRIDGE,
  deliver: { chat: "5" },
};
const DONE = { kind: "ok", value: undefined } as const;
type Trouble = "not-applied" | "unknown-before" | "unknown-after" | "gone" | "markup" | "unreachable";

interface Chat {
  platform: BridgePlatform;
  /** What people see: message id → text and buttons. */
  messages: Map<string, { text: string; buttons: string[] }>;
  requests: { what: string; at: number }[];
  /** Troubles of the next requests of a kind. */
  orders: { what: string; trouble: Trouble; retryAfterMs?: number }[];
}

function chatOf(editIntervalMs = 30): Chat {
  const messages: Chat["messages"] = new Map();
  const chat: Chat = { platform: undefined as never, messages, requests: [], orders: [] };
  async function request<T>(what: string, apply: () => T): Promise<Outcome<T>> {
    chat.requests.push({ what, at: Date.now() });
    const index = chat.orders.findIndex((order) => order.what === what);
    const [order] = index >= 0 ? chat.orders.splice(index, 1) : [];
    await sleep(1);
    switch (order?.trouble) {
      case undefined:
        return { kind: "ok", value: apply() };
      case "not-applied":
        return { kind: "not-applied", code: "429", retryAfterMs: order.retryAfterMs ?? 1 };
      case "unknown-after":
        apply();
        return { kind: "unknown", code: "reset" };
      case "unknown-before":
        return { kind: "unknown", code: "reset" };
      case "gone":
      case "markup":
      case "unreachable":
        return { kind: "refused", reason: order.trouble, code: "400" };
    }
  }
  let last = 0;
  chat.platform = {
    name: "test",
    capabilities: { supportsDrafts: false, supportsButtons: true, supportsTyping: false },
    limits: { textUnits: 4_000, editIntervalMs, typingIntervalMs: 1_000 },
    measure: (blocks) => plainText(blocks).length,
    sendAnchor: () =>
      request("post", () => {
        last += 1;
        messages.set(String(last), { text: "…", buttons: [] });
        return String(last);
      }),
    editMessage: async (_to, id, content) => {
      if (!messages.has(id)) return { kind: "refused", reason: "gone", code: "message to edit not found" };
      const outcome = await request("edit", () => {
        const buttons = content.buttons?.map(({ label }) => label) ?? [];
        messages.set(id, { text: plainText(content.blocks), buttons });
      });
      return outcome.kind === "ok" ? DONE : outcome;
    },
    deleteMessage: async () => DONE,
    sendNotice: async () => ({ kind: "ok", value: "n" }),
    typing: async () => {},
  };
  return chat;
}

describe("card board", () => {
  const boards: CardBoard[] = [];
  afterEach(async () => {
    await Promise.all(boards.splice(0).map((board) => board.close(200)));
  });
  function start(
    chat: Chat,
    store: CardPort,
    more: { mayAct?: () => boolean; keepEndedMs?: number } = {},
  ): { board: CardBoard; counters: Counters } {
    const counters = new Counters();
    const board = new CardBoard({
      ...{ platform: chat.platform, store, counters, logger: silent, mayAct: () => true },
      ...more,
    });
    board.start();
    boards.push(board);
    return { board, counters };
  }
  const shown = (chat: Chat, pattern: RegExp) =>
    [...chat.messages.values()].filter((m) => pattern.test(m.text));
  const ASKS = /asks to reach/;

  it("shows a question within 300 ms of its hint, keeps it, and ends it", async () => {
    const [chat, cards] = [chatOf(), memoryCards()];
    start(chat, cards.cards(BRIDGE), { keepEndedMs: 0 });
    await sleep(20);
    const asked = Date.now();
    const { approvalId } = cards.ask(HOME);
    await until(() => shown(chat, ASKS).length === 1, 300, "card");
    assert.ok(Date.now() - asked < 300);
    assert.deepEqual(shown(chat, ASKS)[0]?.buttons, ["Allow once", "This session", "Always", "Deny"]);
    assert.equal(cards.messageOf(BRIDGE, approvalId)?.principal, HOME.principal);
    cards.change(approvalId, { holding: false, held: 0 });
    await until(() => shown(chat, ASKS)[0]?.buttons[0] === "Allow next try", 300);
    cards.change(approvalId, { state: "denied" });
    await until(() => shown(chat, /Denied/).length === 1, 300);
    assert.equal(chat.messages.size, 1);
    assert.deepEqual(shown(chat, /Denied/)[0]?.buttons, []);
    await until(() => cards.marks(BRIDGE) === 0, 3_000, "unmarked");
    assert.equal(cards.messageOf(BRIDGE, approvalId), undefined);
  });

  it("is sure without any hint, within the sweep", async () => {
    const [chat, cards] = [chatOf(), memoryCards()];
    cards.trouble.deaf = true;
    start(chat, cards.cards(BRIDGE));
    const { approvalId } = cards.ask(HOME);
    await until(() => shown(chat, ASKS).length === 1, 1_500, "card");
    cards.change(approvalId, { state: "expired" });
    await until(() => shown(chat, /Nobody decided/).length === 1, 1_500, "outcome");
  });

  it("does nothing without the lease, and everything once it has it", async () => {
    const [chat, cards] = [chatOf(), memoryCards()];
    let held = false;
    start(chat, cards.cards(BRIDGE), { mayAct: () => held });
    cards.ask(HOME);
    await sleep(1_200);
    assert.equal(chat.requests.length, 0);
    held = true;
    await until(() => shown(chat, ASKS).length === 1, 1_500);
  });

  it("says nothing of a question that ended before it was shown", async () => {
    const [chat, cards] = [chatOf(), memoryCards()];
    cards.trouble.deaf = true;
    const { approvalId } = cards.ask(HOME);
    cards.change(approvalId, { state: "cancelled" });
    start(chat, cards.cards(BRIDGE));
    await until(() => cards.marks(BRIDGE) === 0, 2_000, "unmarked");
    assert.equal(chat.requests.length, 0);
  });

  it("coalesces counters to the platform's pace, but shows an outcome at once", async () => {
    const [chat, cards] = [chatOf(400), memoryCards()];
    const { board } = start(chat, cards.cards(BRIDGE));
    const { approvalId } = cards.ask(HOME);
    await until(() => shown(chat, ASKS).length === 1);
    assert.ok(board.yieldMs(HOME.conversation) > 0, "previews hold back");
    assert.equal(board.yieldMs("test.1.6"), 0, "of this chat only");
    const before = chat.requests.length;
    for (let i = 2; i <= 200; i++) cards.change(approvalId, { attempts: i, held: i });
    await until(
      () => shown(chat, /Asked 200 times · 200 connections wait/).length === 1,
      1_500,
      "last counters",
    );
    assert.ok(chat.requests.length - before <= 2, `${chat.requests.length - before} edits of 199 changes`);
    cards.change(approvalId, { attempts: 201 });
    await sleep(20);
    cards.change(approvalId, { state: "allowed-once" });
    await until(() => shown(chat, /Allowed once/).length === 1, 150, "outcome at once");
  });

  it("keeps cards of one chat apart from another's trouble", async () => {
    const [chat, cards] = [chatOf(), memoryCards()];
    start(chat, cards.cards(BRIDGE));
    chat.orders.push({ what: "post", trouble: "not-applied", retryAfterMs: 1_200 });
    cards.ask(HOME);
    await until(() => chat.requests.length === 1);
    cards.ask({ ...HOME, conversation: "test.1.6", deliver: { chat: "6" } });
    await until(() => shown(chat, ASKS).length === 1, 400, "the other card");
    await until(() => shown(chat, ASKS).length === 2, 4_000, "the first card");
    assert.equal(
      chat.requests.filter(({ what }) => what === "post").length,
      3,
      "it did not ask again in between",
    );
  });

  describe("with one failed request", () => {
    const rows: [string, Trouble, { posts: number; strays: number; unknown: number }][] = [
      ["post", "not-applied", { posts: 2, strays: 0, unknown: 0 }],
      ["post", "unknown-before", { posts: 2, strays: 0, unknown: 1 }],
      ["post", "unknown-after", { posts: 2, strays: 1, unknown: 1 }],
      ["edit", "not-applied", { posts: 1, strays: 0, unknown: 0 }],
      ["edit", "unknown-before", { posts: 1, strays: 0, unknown: 0 }],
      ["edit", "unknown-after", { posts: 1, strays: 0, unknown: 0 }],
      ["edit", "markup", { posts: 1, strays: 0, unknown: 0 }],
    ];
    for (const [what, trouble, want] of rows) {
      it(`${trouble} at the ${what}: one card`, async () => {
        const [chat, cards] = [chatOf(), memoryCards()];
        chat.orders.push({ what, trouble });
        const { counters } = start(chat, cards.cards(BRIDGE));
        const { approvalId } = cards.ask(HOME);
        await until(() => shown(chat, ASKS).length === 1, 4_000, "card");
        cards.change(approvalId, { state: "allowed-session" });
        await until(() => shown(chat, /for this session/).length === 1, 4_000, "outcome");
        assert.equal(chat.requests.filter((request) => request.what === "post").length, want.posts);
        assert.equal(shown(chat, /^…$/).length, want.strays);
        assert.equal(chat.messages.size, 1 + want.strays);
        assert.equal(counters.get("cards_unknown_total"), want.unknown);
        assert.equal(chat.orders.length, 0, "the trouble came");
      });
    }

    it("gives up on a chat that can't be reached, counts it, and unmarks", async () => {
      const [chat, cards] = [chatOf(), memoryCards()];
      chat.orders.push({ what: "post", trouble: "unreachable" });
      const { counters } = start(chat, cards.cards(BRIDGE));
      const { approvalId } = cards.ask(HOME);
      await until(() => counters.get("cards_refused_total") === 1);
      await until(() => cards.marks(BRIDGE) === 0, 3_000, "unmarked");
      cards.change(approvalId, { attempts: 2 });
      await until(() => cards.marks(BRIDGE) === 0, 3_000, "unmarked again");
      assert.equal(chat.requests.length, 1);
    });

    it("posts an open card anew when its message was deleted, not an ended one", async () => {
      const [chat, cards] = [chatOf(), memoryCards()];
      start(chat, cards.cards(BRIDGE));
      const { approvalId } = cards.ask(HOME);
      await until(() => shown(chat, ASKS).length === 1);
      chat.messages.clear();
      cards.change(approvalId, { attempts: 2 });
      await until(() => shown(chat, /Asked 2 times/).length === 1, 2_000, "anew");
      chat.messages.clear();
      cards.change(approvalId, { state: "denied" });
      await sleep(300);
      assert.equal(chat.messages.size, 0);
    });

    it("waits while Redis is away, then goes on", async () => {
      const [chat, cards] = [chatOf(), memoryCards()];
      start(chat, cards.cards(BRIDGE));
      await sleep(20);
      cards.trouble.away = true;
      const { approvalId } = cards.ask(HOME);
      await sleep(300);
      assert.equal(chat.requests.length, 0);
      cards.trouble.away = false;
      await until(() => shown(chat, ASKS).length === 1, 4_000, "card");
      assert.equal(chat.messages.size, 1);
      assert.ok(cards.messageOf(BRIDGE, approvalId));
    });
  });

  it("posts a card again below, and takes the buttons off the former one", async () => {
    const [chat, cards] = [chatOf(), memoryCards()];
    const { board } = start(chat, cards.cards(BRIDGE));
    const { approvalId, principal } = cards.ask(HOME);
    await until(() => shown(chat, ASKS).length === 1);
    chat.orders.push({ what: "post", trouble: "not-applied" });
    board.repost(principal, approvalId);
    await until(() => chat.messages.get("1")?.text.includes("stands below"), 3_000, "former card");
    assert.deepEqual(chat.messages.get("1")?.buttons, []);
    assert.equal(chat.messages.get("2")?.buttons.length, 4);
    assert.equal(cards.messageOf(BRIDGE, approvalId)?.message, "2");
    cards.change(approvalId, { state: "denied" });
    await until(() => /Denied/.test(chat.messages.get("2")?.text ?? ""), 1_000);
    assert.equal(chat.messages.size, 2);
  });

  /** A process that dies with its `n`th call to store or platform: before the effect, or after it. */
  function mortal(chat: Chat, store: CardPort, n: number, when: "before" | "after") {
    let left = n;
    const dead = new Promise<never>(() => {});
    const state = { dead: false };
    const wrap = <T extends object>(target: T, counted: readonly string[]): T =>
      new Proxy(target, {
        get(object, name) {
          const value = object[name as keyof T];
          if (typeof value !== "function") return value;
          return async (...args: unknown[]) => {
            if (state.dead) return await dead;
            const last = counted.includes(String(name)) && --left === 0;
            if (last && when === "before") {
              state.dead = true;
              return await dead;
            }
            const result = await (value as (...args: unknown[]) => unknown).apply(object, args);
            if (last) state.dead = true;
            return state.dead ? await dead : result;
          };
        },
      });
    const platform = wrap(chat.platform, ["sendAnchor", "editMessage"]);
    return {
      state,
      chat: { ...chat, platform },
      store: wrap(store, ["get", "message", "setMessage", "mark", "clean", "forgetMessage"]),
    };
  }

  describe("killed before and after each step, then restarted", () => {
    for (const scene of ["asked", "ended", "posted below"] as const) {
      for (const when of ["before", "after"] as const) {
        it(`${when} each of the steps of a card that is ${scene}: the same card, no doubles`, async () => {
          let steps = 0;
          for (let n = 1; n < 40; n++) {
            const outcome = await kill(scene, n, when);
            if (!outcome.died) break;
            steps = n;
            const at = `${when} step ${n}: ${JSON.stringify(outcome)}`;
            assert.equal(outcome.cards, 1, at);
            assert.ok(outcome.strays <= 1 && outcome.strays <= outcome.unknown, at);
            assert.equal(outcome.live, scene === "ended" ? 0 : 1, at);
          }
          assert.ok(steps >= 8, `only ${steps} steps`);
        });
      }
    }
  });

  async function kill(scene: "asked" | "ended" | "posted below", n: number, when: "before" | "after") {
    const [chat, cards] = [chatOf(5), memoryCards()];
    const store = cards.cards(BRIDGE);
    const first = mortal(chat, store, n, when);
    const one = start(first.chat, first.store, { mayAct: () => !first.state.dead });
    const { approvalId, principal } = cards.ask(HOME);
    // What is moved before it was posted needs no move.
    if (scene === "posted below")
      await until(() => first.state.dead || shown(chat, ASKS).length === 1, 20_000, "the card");
    await sleep(20);
    if (scene === "ended") cards.change(approvalId, { state: "denied" });
    if (scene === "posted below") one.board.repost(principal, approvalId);
    const done = () => {
      if (scene === "asked") return shown(chat, ASKS).length === 1 && cards.marks(BRIDGE) === 0;
      if (scene === "ended") return shown(chat, /Denied/).length === 1;
      return (
        shown(chat, /stands below/).length === 1 &&
        cards.messageOf(BRIDGE, approvalId)?.previous === undefined
      );
    };
    await until(() => first.state.dead || done(), 20_000, "first process");
    if (!first.state.dead) await sleep(20);
    const died = first.state.dead;
    const two = start(chat, store);
    const settled = () => {
      // A wish dies with the process that heard it, unless it was recorded: its user presses again.
      const message = cards.messageOf(BRIDGE, approvalId);
      const unheard = message?.state === "sent" && message.previous === undefined && message.rev > 0;
      if (scene === "posted below" && unheard && shown(chat, /stands below/).length === 0)
        two.board.repost(principal, approvalId);
      return done() || (scene === "ended" && cards.marks(BRIDGE) === 0);
    };
    await until(settled, 4_000, `second process after ${n}`);
    await sleep(20);
    const live = [...chat.messages.values()].filter((message) => message.buttons.length > 0).length;
    return {
      died,
      cards: scene === "ended" ? Math.max(1, shown(chat, /Denied/).length) : shown(chat, ASKS).length,
      strays: shown(chat, /^…$/).length,
      live,
      unknown: one.counters.get("cards_unknown_total") + two.counters.get("cards_unknown_total"),
    };
  }
});
