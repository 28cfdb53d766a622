/** The preview's state machine as a table, its content, and its life against a platform that is slow or broken. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { Counters } from "../../../src/bridges/core/counters.ts";
import { draftContent } from "../../../src/bridges/core/draft-content.ts";
import { DraftBoard } from "../../../src/bridges/core/drafts.ts";
import { shownElapsed } from "../../../src/bridges/core/elapsed.ts";
import {
  type BridgePlatform,
  type Content,
  type Outcome,
  plainText,
} from "../../../src/bridges/core/index.ts";
import {
  isNewer,
  PREVIEW_TABLE,
  type PreviewEvent,
  type PreviewPhase,
  previewStep,
} from "../../../src/bridges/core/preview-state.ts";
import { measureHtml } from "../../../src/bridges/telegram/render.ts";
import type { DraftMessage, OutboxPort } from "../../../src/store/index.ts";
import { silent } from "../../helpers/redis.ts";

describe("preview table", () => {
  const EVENTS: PreviewEvent[] = ["draft", "posted", "edited", "missed", "lost", "gone", "take"];

  it("leads nowhere from final", () => {
    for (const event of EVENTS) assert.equal(previewStep("final", event), undefined);
  });
  it("starts no request while another is under way, and none once the final wants the message", () => {
    for (const phase of ["posting", "editing", "closing", "final"] as const) {
      for (const event of EVENTS)
        assert.ok(!["post", "edit"].includes(previewStep(phase, event)?.action ?? ""), `${phase} ${event}`);
    }
  });
  it("is released exactly once, whenever the final takes over", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 }), (events) => {
        let phase: PreviewPhase = "idle";
        let released = 0;
        const results: Partial<Record<PreviewPhase, PreviewEvent>> = {
          posting: "posted",
          editing: "edited",
          closing: "edited",
        };
        for (const event of [...events, "take" as const, "lost" as const]) {
          const step = previewStep(phase, event);
          if (step?.action?.endsWith("release")) released += 1;
          phase = step?.to ?? phase;
        }
        // A request that was under way ends at last.
        const end = results[phase];
        if (end) {
          const step = previewStep(phase, end);
          if (step?.action?.endsWith("release")) released += 1;
          phase = step?.to ?? phase;
        }
        assert.equal(phase, "final");
        assert.equal(released, 1);
      }),
    );
  });
  it("taints a message at which a lost edit may still arrive", () => {
    assert.equal(PREVIEW_TABLE.editing.lost?.action, "taint");
    assert.equal(PREVIEW_TABLE.closing.lost?.action, "taint-release");
  });
  it("orders drafts by fence, then seq", () => {
    const shown = { fence: 5, seq: 10 };
    assert.equal(isNewer({ fence: 5, seq: 11 }, shown), true);
    assert.equal(isNewer({ fence: 6, seq: 1 }, shown), true);
    for (const old of [
      { fence: 5, seq: 10 },
      { fence: 5, seq: 9 },
      { fence: 4, seq: 99 },
    ])
      assert.equal(isNewer(old, shown), false);
  });
});

describe("preview content", () => {
  const platform = {
    limits: { textUnits: 500, editIntervalMs: 1, typingIntervalMs: 1 },
    measure: measureHtml,
  };
  const text = (answer: string, status: string) => plainText(draftContent(answer, status, platform).blocks);

  it("is the answer so far with one line below", () => {
    assert.equal(text("so **far", "… exec: git clone"), "so **far\n\n⚙️ … exec: git clone");
    assert.equal(text("", "waking"), "💤 Waking up your agent…");
    assert.equal(text("", ""), "…");
  });
  it("says for how long the agent has been at it, in steps, in the person's language", () => {
    const shown = (ms: number, status: string, language: string) =>
      plainText(draftContent("so far", status, platform, language, ms).blocks);
    assert.equal(shown(75_000, "", "en"), "so far\n\n⏱ 1 min 15 sec");
    assert.equal(shown(60_000, "exec: make", "en"), "so far\n\n⚙️ exec: make · ⏱ 1 min");
    assert.match(shown(75_000, "", "de"), /⏱ 1 Min\. 15 Sek\./);
    const steps: [ms: number, shown: number][] = [
      [14_999, 0],
      [15_000, 15_000],
      [29_999, 15_000],
      [119_999, 105_000],
      [149_000, 120_000],
      [599_999, 570_000],
      [719_000, 660_000],
    ];
    for (const [ms, want] of steps) assert.equal(shownElapsed(ms), want, String(ms));
  });
  it("shows the end of a long answer, within the limit", () => {
    const long = Array.from({ length: 400 }, (_, i) => `word${i}`).join(" ");
    const shown = text(long, "… exec");
    assert.ok(shown.startsWith("…"));
    assert.ok(shown.includes("word399"));
    assert.ok(measureHtml(draftContent(long, "… exec", platform).blocks) <= 500);
  });
  it("shows what a sandbox calls its tool as text only", () => {
    const { blocks } = draftContent("", "*evil* [x](https://evil.example) `y`\nline 2", platform);
    assert.doesNotMatch(JSON.stringify(blocks), /"link"|"strong"|"inlineCode"/);
    assert.equal(blocks.length, 1);
  });
  it("never exceeds the limit", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 2_000 }),
        fc.string({ maxLength: 300 }),
        (answer, status) => assert.ok(measureHtml(draftContent(answer, status, platform).blocks) <= 500),
      ),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe("previews", () => {
  function board(over: Partial<BridgePlatform> = {}) {
    const shown: string[] = [];
    let anchors = 0;
    const platform: BridgePlatform = {
      name: "test",
      capabilities: { supportsDrafts: false, supportsButtons: false, supportsTyping: false },
      limits: { textUnits: 1_000, editIntervalMs: 40, typingIntervalMs: 1_000 },
      measure: measureHtml,
      sendAnchor: async () => ({ kind: "ok", value: String(++anchors) }),
      editMessage: async (_to, _id, content: Content) => {
        shown.push(plainText(content.blocks));
        return { kind: "ok", value: undefined };
      },
      deleteMessage: async () => ({ kind: "ok", value: undefined }),
      sendNotice: async () => ({ kind: "ok", value: "1" }),
      typing: async () => {},
      ...over,
    };
    const anchor = { state: "none" as "none" | "sending" | "sent", id: "" };
    const store = {
      anchor: async () => ({ ...anchor }),
      setAnchor: async (_c: string, _t: string, state: "sending" | "sent", id: string) =>
        void Object.assign(anchor, { state, id }),
    } as unknown as OutboxPort;
    const drafts = new DraftBoard({
      ...{ platform, store, counters: new Counters(), logger: silent },
      yieldMs: () => 0,
    });
    const say = (kind: DraftMessage["kind"], seq: number, text: string, fence = 1) =>
      drafts.show({
        conversation: "test.1",
        turnId: "t_aaaaaaaaaaaaaaaaaaaa",
        fence,
        seq,
        deliver: { chat: "1" },
        kind,
        text,
      } satisfies DraftMessage);
    const show = (seq: number, text: string, fence?: number) => say("text", seq, text, fence);
    const beat = (seq: number) => say("working", seq, "");
    return { drafts, show, beat, shown, anchors: () => anchors };
  }
  const TURN = "t_aaaaaaaaaaaaaaaaaaaa";

  it("coalesces fast drafts to the platform's pace and ends with the newest", async () => {
    const b = board();
    const began = performance.now();
    for (let i = 1; i <= 40; i++) {
      b.show(i, `text ${i}`);
      await sleep(5);
    }
    await sleep(120);
    assert.equal(b.shown.at(-1), "text 40");
    // One edit in 40 ms, however long the machine took for the 40 drafts; far fewer than drafts.
    const most = Math.ceil((performance.now() - began) / 40) + 1;
    assert.ok(b.shown.length <= most && b.shown.length < 40, `${b.shown.length} edits, at most ${most}`);
    assert.equal(b.anchors(), 1);
    await b.drafts.close();
  });
  it("ignores older drafts and other workers' late ones", async () => {
    const b = board();
    b.show(1, "old owner", 1);
    b.show(1, "new owner", 2);
    b.show(9, "late old owner", 1);
    b.show(0, "older", 2);
    await sleep(150);
    assert.equal(b.shown.at(-1), "new owner");
    await b.drafts.close();
  });
  it("shows nothing after the final took over, and waits for the edit under way", async () => {
    const gate = Promise.withResolvers<Outcome<void>>();
    const b = board({ editMessage: () => gate.promise });
    b.show(1, "half");
    await sleep(30);
    let taken = false;
    const taking = b.drafts.takeOver(TURN).then((result) => {
      taken = true;
      return result;
    });
    await sleep(30);
    assert.equal(taken, false);
    gate.resolve({ kind: "unknown", code: "timeout" });
    assert.deepEqual(await taking, { tainted: true });
    b.show(2, "late");
    await sleep(80);
    assert.deepEqual(b.shown, []);
  });
  it("shows a long turn's time by its signs of life, though the agent says nothing new", async (t) => {
    const b = board();
    const start = performance.now();
    let later = 0;
    t.mock.method(performance, "now", () => start + later);
    b.show(1, "so far");
    await sleep(60);
    assert.equal(b.shown.at(-1), "so far");
    for (const [ms, want] of [
      [14_000, "so far"],
      [31_000, "so far\n\n⏱ 30 sec"],
      [40_000, "so far\n\n⏱ 30 sec"],
      [61_000, "so far\n\n⏱ 1 min"],
    ] as const) {
      later = ms;
      b.beat(ms);
      await sleep(100);
      assert.equal(b.shown.at(-1), want);
    }
    await b.drafts.close();
  });
  it("posts no second message when its user deleted the first", async () => {
    const b = board({ editMessage: async () => ({ kind: "refused", reason: "gone", code: "x" }) });
    b.show(1, "a");
    await sleep(30);
    b.show(2, "b");
    await sleep(100);
    assert.equal(b.anchors(), 1);
    await b.drafts.close();
  });
});
