/** Approval cards, the rest of the pure parts: what buttons carry, what comes next, toasts and lists. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { approvalsContents, rulesContents } from "../../../src/bridges/core/cards/lists.ts";
import { type Press, pressData, readPress } from "../../../src/bridges/core/cards/press.ts";
import { cardContent } from "../../../src/bridges/core/cards/render.ts";
import { cardStep, PLACEHOLDER } from "../../../src/bridges/core/cards/step.ts";
import { tapText } from "../../../src/bridges/core/cards/taps.ts";
import { parseMarkdown, plainText } from "../../../src/bridges/core/index.ts";
import { measureHtml, renderHtml } from "../../../src/bridges/telegram/render.ts";
import {
  type ApprovalRecord,
  ApprovalState,
  type CardMessage,
  TapOutcome,
  TapVerb,
} from "../../../src/store/index.ts";
import { approvalOf } from "../memory-cards.ts";

const NOW = Date.UTC(2026, 10, 24, 19, 0, 0);
const HOME = {
  principal: "p_aaaaaaaaaaaaaaaaaaaa",
  conversation: "telegram.7.1001",
  bridge: "telegram.7",
  deliver: { chat: "1001" },
};
const TIMES = { createdAt: NOW, holdUntil: NOW + 45_000, decideUntil: NOW + 900_000 };
const BASE = approvalOf({ ...HOME, ...TIMES, approvalId: "a_bbbbbbbbbbbbbbbbbbbb" });
const record = (more: Partial<ApprovalRecord> = {}): ApprovalRecord => ({ ...BASE, ...more });

describe("a command's card", () => {
  const line = "rm -r build\n# \u202eevil\u200b `code` 🔐";
  const about = record({ command: { line, cwd: "/home/sandbox", always: false }, risks: [], says: "" });
  it("says that it is inside the sandbox and no boundary, and shows the command as code, nothing hidden", () => {
    const card = cardContent(about, NOW);
    const text = plainText(card.blocks);
    assert.match(text, /inside the sandbox/);
    assert.match(text, /no boundary/);
    const code = card.blocks.find((block) => block.type === "code");
    assert.ok(code?.type === "code");
    assert.equal(code.value.split("\n")[0], "rm -r build");
    assert.match(code.value, /\\u\{202e\}evil\\u\{200b\}/);
  });
  it("offers once and Deny; Always only where OpenClaw does; nothing when it is over", () => {
    const labels = (one: ApprovalRecord) => (cardContent(one, NOW).buttons ?? []).map(({ label }) => label);
    assert.deepEqual(labels(about), ["Allow once", "Deny"]);
    const lasting = record({ command: { line, cwd: "", always: true } });
    assert.deepEqual(labels(lasting), ["Allow once", "Always", "Deny"]);
    assert.deepEqual(labels({ ...about, state: "denied", decidedAt: NOW }), []);
  });
  it("a long command says that it is cut", () => {
    const long = record({ command: { line: "x".repeat(1_900), cwd: "", always: false } });
    const code = cardContent(long, NOW).blocks.find((block) => block.type === "code");
    assert.ok(code?.type === "code" && code.value.endsWith("…") && code.value.length <= 700);
    assert.ok(measureHtml(cardContent(long, NOW).blocks) <= 4_000);
  });
});

describe("button data", () => {
  const presses: Press[] = [
    ...TapVerb.options.map((verb) => ({ kind: "decide" as const, approvalId: BASE.approvalId, verb })),
    { kind: "repost", approvalId: BASE.approvalId },
    { kind: "revoke", ruleId: "r_cccccccccccccccccccc" },
  ];
  for (const press of presses) {
    it(`${press.kind} ${"verb" in press ? press.verb : ""} goes and comes back in 64 bytes`, () => {
      const data = pressData(press);
      assert.ok(Buffer.byteLength(data) <= 64);
      assert.deepEqual(readPress(data), press);
    });
  }
  for (const data of [
    "",
    "ap:",
    `ap:${BASE.approvalId}`,
    `ap:${BASE.approvalId}:x`,
    `ap:${BASE.approvalId}:o:o`,
    `ap:${BASE.approvalId}:O`,
    "ap:r_cccccccccccccccccccc:o",
    `rv:${BASE.approvalId}`,
    `rp:${BASE.approvalId}:o`,
    `rv:r_cccccccccccccccccccc:o`,
    `ap:a_${"B".repeat(20)}:o`,
    `ap:${BASE.approvalId}:o\n`,
    "constructor",
    "retry:t_00000000000000000000",
  ])
    it(`${JSON.stringify(data)} is none`, () => assert.equal(readPress(data), undefined));
});

describe("the next step of a card", () => {
  const message = (more: Partial<CardMessage> = {}): CardMessage => ({
    ...{
      v: 1,
      state: "sent",
      message: "9",
      conversation: HOME.conversation,
      principal: HOME.principal,
      rev: 1,
    },
    ...more,
  });
  const ended = record({ state: "denied", rev: 2 });
  const face = { state: "pending", holding: true, confirming: false, nextTry: false } as const;
  const cases: [
    string,
    ApprovalRecord | undefined,
    CardMessage | undefined,
    object,
    { move?: boolean; known?: boolean }?,
  ][] = [
    ["a new question", record(), undefined, { kind: "post", again: false, previous: "" }],
    [
      "a request of unknown outcome",
      record(),
      message({ state: "sending", message: "" }),
      { kind: "post", again: true },
    ],
    ["a placeholder", record(), message({ rev: PLACEHOLDER }), { kind: "edit", urgent: true }],
    ["nothing new", record(), message(), { kind: "rest" }],
    [
      "counters only",
      record({ rev: 2, attempts: 2 }),
      message(),
      { kind: "edit", urgent: false },
      { known: true },
    ],
    ["after a restart", record({ rev: 2, attempts: 2 }), message(), { kind: "edit", urgent: true }],
    [
      "the hold's end",
      record({ rev: 2, holding: false }),
      message(),
      { kind: "edit", urgent: true },
      { known: true },
    ],
    [
      "a second question",
      record({ rev: 2, confirming: true }),
      message(),
      { kind: "edit", urgent: true },
      { known: true },
    ],
    ["an outcome", ended, message(), { kind: "edit", urgent: true }, { known: true }],
    ["an outcome that is shown", ended, message({ rev: 2 }), { kind: "keep" }],
    ["ended before it was posted", ended, undefined, { kind: "forget" }],
    ["ended while being posted", ended, message({ state: "sending", message: "" }), { kind: "forget" }],
    ["ended as a placeholder", ended, message({ rev: PLACEHOLDER }), { kind: "edit", urgent: true }],
    ["refused by the platform", record({ rev: 2 }), message({ state: "refused" }), { kind: "rest" }],
    [
      "refused, wished for again",
      record({ rev: 2 }),
      message({ state: "refused" }),
      { kind: "post" },
      { move: true },
    ],
    ["refused and ended", ended, message({ state: "refused" }), { kind: "forget" }],
    ["wished for below", record(), message(), { kind: "post", again: false, previous: "9" }, { move: true }],
    ["wished for below, but ended", ended, message({ rev: 2 }), { kind: "keep" }, { move: true }],
    ["posted below", record(), message({ message: "12", previous: "9" }), { kind: "retire", previous: "9" }],
    [
      "interrupted while being posted below",
      record(),
      message({ state: "sending", message: "", previous: "9" }),
      { kind: "post", again: true, previous: "9" },
    ],
    ["an old record", undefined, message(), { kind: "forget" }],
  ];
  for (const [name, one, shown, want, { move = false, known = false } = {}] of cases) {
    it(`${name}: ${(want as { kind: string }).kind}`, () =>
      assert.partialDeepStrictEqual(cardStep(one, shown, { face: known ? face : undefined, move }), want));
  }
});

describe("toasts", () => {
  it("exist for each outcome, in 200 characters", () => {
    for (const kind of TapOutcome.shape.kind.options) {
      for (const state of [undefined, ...ApprovalState.options]) {
        const text = tapText({ kind, state });
        assert.ok(
          text.length > 3 && text.length <= 200 && !/[{}]|^tap\./.test(text),
          `${kind} ${state}: ${text}`,
        );
      }
    }
  });
  it("tell what was decided", () => {
    assert.equal(tapText({ kind: "done", state: "denied" }), "Denied");
    assert.equal(
      tapText({ kind: "decided", state: "allowed-session" }),
      "Already decided: allowed for this session",
    );
    assert.match(tapText({ kind: "decided", state: "expired" }), /has expired/);
  });
});

describe("lists", () => {
  const rule = {
    ...{
      v: 1,
      ruleId: "r_cccccccccccccccccccc",
      host: "www.example.com",
      port: 443,
      approvalId: BASE.approvalId,
    },
    ...{ by: { via: "telegram", identity: "1001", name: "Ann\n#" }, createdAt: NOW },
  };
  it("approvals: no links, buttons for this chat only", () => {
    const [content] = approvalsContents(
      [record(), record({ conversation: "console.main" })],
      HOME.conversation,
      true,
    );
    assert.deepEqual(
      content?.buttons?.map(({ data }) => data),
      [`rp:${BASE.approvalId}`],
    );
    const text = renderHtml(content?.blocks ?? []);
    assert.match(
      text,
      /1\. <code>api\.example\.com:443<\/code> \(Asked once · Open until 19:15 UTC\)\n2\. .*asked in another chat/,
    );
    assert.doesNotMatch(text, /<a /);
  });
  it("rules: each with its button, and with its id where there are none", () => {
    const [content] = rulesContents(
      [rule, { ...rule, method: "GET", path: "/x?secret", binary: "/bin/y" }],
      true,
    );
    assert.deepEqual(
      content?.buttons?.map(({ label, data }) => [label, data]),
      [
        ["Revoke 1", `rv:${rule.ruleId}`],
        ["Revoke 2", `rv:${rule.ruleId}`],
      ],
    );
    const text = renderHtml(content?.blocks ?? []);
    assert.match(
      text,
      /1\. <code>www\.example\.com:443<\/code> \(any method, any path · any program · since 2026-11-24 by Ann #\)\n2\. .*\(GET \/x · \/bin\/y/,
    );
    assert.doesNotMatch(text, /r_ccc/);
    const plain = rulesContents([rule], false)[0];
    assert.match(
      plainText(parseMarkdown(plain?.source ?? "")),
      /1\. www\.example\.com:443 \(.*r_cccccccccccccccccccc\)[\s\S]*\/rules revoke/,
    );
  });
  it("many are several messages that fit", () => {
    const many = rulesContents(
      Array.from({ length: 40 }, () => ({ ...rule, host: "h".repeat(253) })),
      true,
    );
    assert.equal(many.length, 3);
    for (const { blocks } of many) assert.ok(measureHtml(blocks) < 4_000);
  });
  it("none is a sentence", () => {
    assert.match(rulesContents([], true)[0]?.source ?? "", /no standing rules/);
    assert.match(approvalsContents([], HOME.conversation, true)[0]?.source ?? "", /Nothing waits/);
  });
});
