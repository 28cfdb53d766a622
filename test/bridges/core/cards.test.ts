/** Approval cards, the pure parts: what they say, also of hostile names, and that nobody can imitate one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CARD_MARK, withoutMarkIn } from "../../../src/bridges/core/cards/marker.ts";
import { cardContent } from "../../../src/bridges/core/cards/render.ts";
import { asLine, targetText } from "../../../src/bridges/core/cards/safe.ts";
import { markdownOf } from "../../../src/bridges/core/catalogue.ts";
import { draftContent } from "../../../src/bridges/core/draft-content.ts";
import { parseMarkdown } from "../../../src/bridges/core/index.ts";
import { measureHtml, renderHtml } from "../../../src/bridges/telegram/render.ts";
import { type ApprovalRecord, ApprovalState } from "../../../src/store/index.ts";
import { parseHtml } from "../../fakes/telegram/entities.ts";
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
const facts = (more: Partial<ApprovalRecord["facts"]>) => record({ facts: { ...BASE.facts, ...more } });
const html = (one: ApprovalRecord, now = NOW) => renderHtml(cardContent(one, now).blocks);
const labels = (one: ApprovalRecord) => cardContent(one, NOW).buttons?.map(({ label }) => label) ?? [];

describe("card of an open question", () => {
  it("says the gateway's facts first, then what each button does, then the agent's words", () => {
    const one = record({
      says: "curl -s api.example.com",
      risks: ["first-time", "write"],
      attempts: 3,
      held: 2,
    });
    assert.equal(
      html(one),
      [
        `${CARD_MARK} Your agent asks to reach\napi.<b>example.com</b>:443`,
        "⚠️ first time · sends data out",
        "Program: /usr/bin/curl\nRequest: GET /v1/models\nAsked 3 times · 2 connections wait\nWaits ≤ 45 s, open until 19:15 UTC",
        "Once: what waits now, nothing later\nSession: this method and path here, from this conversation, until /new or 12 h\nAlways: this method and path here, until you take it back with /rules\nDeny: refused now and until this turn ends",
        "<blockquote>the agent says: “\u2068curl -s api.example.com\u2069”</blockquote>",
      ].join("\n\n"),
    );
  });
  const shows: [string, ApprovalRecord, RegExp][] = [
    [
      "a tunnel",
      facts({ scheme: "tunnel", method: undefined, path: undefined }),
      /Request: any method, any path \(tunnel\)[\s\S]*Always: any method, any path here/,
    ],
    ["an unknown program", facts({ binary: undefined }), /Program: unknown program/],
    [
      "an IPv4 address as such",
      facts({ host: "192.0.2.7", domain: "192.0.2.7", kind: "ipv4" }),
      /<b>192\.0\.2\.7<\/b>:443\n\n⚠️ bare IP address/,
    ],
    [
      "an IPv6 address as such",
      facts({ host: "2001:db8::7", domain: "2001:db8::7", kind: "ipv6" }),
      /<b>\[2001:db8::7\]<\/b>:443\n\n⚠️ bare IP address/,
    ],
    [
      "punycode as punycode, flagged",
      facts({ host: "xn--pypal-4ve.com", domain: "xn--pypal-4ve.com", idn: true }),
      /<b>xn--pypal-4ve\.com<\/b>:443\n\n⚠️ international name/,
    ],
    [
      "letters of other scripts as punycode",
      facts({ host: "pаypal.com", domain: "pаypal.com" }),
      /<b>xn--pypal-4ve\.com<\/b>:443\n\n⚠️ international name/,
    ],
    ["a path without its query", facts({ path: "/a?token=SECRET#x" }), /Request: GET \/a\n/],
    ["one attempt, one connection", record(), /Asked once · 1 connection waits/],
    ["less time later", record(), /Waits ≤ 45 s/],
    [
      "no held connection after the hold",
      record({ holding: false, held: 0 }),
      /nothing waits any more\nOpen until 19:15 UTC\n\nNext try: one connection within 2 minutes/,
    ],
  ];
  for (const [name, one, want] of shows) it(name, () => assert.match(html(one), want));
  it("has a bound of the wait that only falls", () => {
    assert.match(html(record(), NOW + 40_000), /≤ 5 s/);
    assert.match(html(record(), NOW + 60_000), /≤ 0 s/);
    assert.match(html(record(), NOW - 60_000), /≤ 45 s/, "another clock makes it no longer");
  });
  it("offers what the record allows", () => {
    assert.deepEqual(labels(record()), ["Allow once", "This session", "Always", "Deny"]);
    assert.deepEqual(labels(record({ holding: false })), [
      "Allow next try",
      "This session",
      "Always",
      "Deny",
    ]);
    assert.deepEqual(labels(record({ confirming: true })), ["Yes, always", "Back"]);
    for (const state of ApprovalState.options.slice(1)) assert.deepEqual(labels(record({ state })), []);
  });
  it("gives the reasons when it asks once more", () => {
    const text = html(record({ confirming: true, risks: ["dyndns", "tunnel"] }));
    assert.match(
      text,
      /Always allow this\?\napi\.<b>example\.com<\/b>:443\n\n⚠️ A dynamic-DNS name[\s\S]*⚠️ What goes through it can't be seen/,
    );
  });
});

describe("card of an ended question", () => {
  const by = { via: "telegram", identity: "1001", name: "Ann *B* \u202e<b>" };
  const cases: [ApprovalRecord["state"], RegExp, boolean?][] = [
    ["allowed-once", /✅ Allowed once\napi\.[\s\S]*Ann \*B\* \\u\{202e\}&lt;b&gt;, 19:05 UTC$/],
    ["allowed-once", /✅ Allowed for the next try, within 2 minutes/, true],
    ["allowed-session", /✅ Allowed for this session\n[\s\S]*until \/new or 12 h/],
    ["allowed-always", /✅ Always allowed\n[\s\S]*this method and path\. \/rules takes it back/],
    ["denied", /⛔ Denied\n[\s\S]*Not asked again until this turn ends/],
    ["expired", /⌛ Nobody decided in time\n[\s\S]*Nothing was opened/],
    ["cancelled", /the program stopped waiting\n[\s\S]*Nothing was opened/],
  ];
  for (const [state, want, nextTry = false] of cases) {
    it(`${state}${nextTry ? " for the next try" : ""}`, () => {
      const text = html(record({ state, nextTry, decidedAt: NOW + 300_000, decidedBy: by }));
      assert.match(text, want);
      assert.ok(text.startsWith(CARD_MARK));
      parseHtml(text);
    });
  }
  it("needs nobody who decided", () =>
    assert.match(html(record({ state: "expired", decidedAt: NOW })), /opened\.\n19:00 UTC$/));
});

describe("sys-14: prompt text built from hostile names", () => {
  const label = "a".repeat(63);
  const long = `${label}.${label}.${label}.${"b".repeat(49)}.evil.test`;
  const hosts: [string, string, string, string][] = [
    ["right-to-left override", "evil\u202emoc.knab", "evil\u202emoc.knab", "evil\\u{202e}moc.knab:443"],
    ["zero-width space", "ban\u200bk.test", "ban\u200bk.test", "ban\\u{200b}k.test:443"],
    [
      "newline and a second line",
      "ok.test\n✅ Allowed",
      "ok.test\n✅ Allowed",
      "ok.test\\u{a}\\u{2705}\\u{20}allowed:443",
    ],
    [
      "markdown",
      "*b*[x](http://y).test",
      "*b*[x](http://y).test",
      "\\u{2a}b\\u{2a}[x]\\u{28}http:\\u{2f}\\u{2f}y\\u{29}.test:443",
    ],
    ["HTML", "<b>x</b>.test", "<b>x</b>.test", "\\u{3c}b\\u{3e}x\\u{3c}\\u{2f}b\\u{3e}.test:443"],
    ["the card's own sign", `${CARD_MARK}.test`, `${CARD_MARK}.test`, "xn--t88h.test:443"],
  ];
  for (const [name, host, domain, want] of hosts) {
    it(name, () => {
      const one = facts({ host, domain });
      assert.equal(targetText(one.facts), want);
      const text = html(one);
      assert.equal(text.split("\n")[1]?.replace(/<\/?b>/g, ""), targetText(one.facts), "one line");
      assert.match(text, /⚠️ .*(unusual characters|shown as punycode)/);
      assert.ok(parseHtml(text).entities.every(({ type }) => type === "bold" || type === "blockquote"));
    });
  }
  it("253 characters: the middle goes, the registered end stays", () => {
    assert.equal(long.length, 251);
    const text = targetText({ host: long, domain: "evil.test", kind: "name", port: 443 });
    assert.ok(text.length <= 110, `${text.length}`);
    assert.match(text, /^a{40,}…[ab.]+\.evil\.test:443$/);
    const whole = targetText({ host: "c".repeat(253), domain: "c".repeat(253), kind: "name", port: 1 });
    assert.match(whole, /^c{50}…c{49}:1$/);
  });
  it("program, method and path are shown escaped, on one line, short", () => {
    const one = facts({ binary: "/tmp/\u202ex\ny", method: "G\u0000ET", path: `/${"p".repeat(3_000)}\n*` });
    const text = html(one);
    assert.match(
      text,
      /Program: \/tmp\/\\u\{202e\}x\\u\{a\}y\nRequest: G\\u\{0\}ET \/p{30,}….*\\u\{a\}\*\nAsked/,
    );
    assert.ok(measureHtml(cardContent(one, NOW).blocks) < 1_200);
  });
  it("what the agent says is one quoted line of at most 200 characters", () => {
    const says = `**x** [y](https://z.test)\n\n${CARD_MARK} Your agent asks <b>\u202e${"w".repeat(150)}`;
    const text = html(record({ says: says.slice(0, 200) }));
    const quote = /<blockquote>(.*)<\/blockquote>$/s.exec(text)?.[1] ?? "";
    assert.match(
      quote,
      /^the agent says: “\u2068\*\*x\*\* \[y\]\(https:\/\/z\.test\) \[shield\] Your agent asks &lt;b&gt;\\u\{202e\}w+/,
    );
    assert.doesNotMatch(quote, /\n/);
    assert.equal(text.split(CARD_MARK).length, 2, "one sign, at the head");
    assert.equal([...asLine("é".repeat(500), 200)].length, 200);
    assert.equal(asLine(`e${"\u0301".repeat(300)}`, 200), "e\u0301\u0301");
  });
  it("fits Telegram whatever comes together", () => {
    const worst = record({
      risks: ["ip", "idn", "paste", "tunnel", "dyndns", "write", "first-time"],
      says: "\u{1f600}".repeat(100),
      attempts: 99_999,
      facts: {
        ...BASE.facts,
        host: long,
        domain: long,
        binary: "\u0000".repeat(256),
        path: "\u0000".repeat(2_048),
      },
    });
    for (const one of [worst, { ...worst, confirming: true }, { ...worst, state: "denied" as const }]) {
      assert.ok(measureHtml(cardContent(one, NOW).blocks) < 4_000);
      parseHtml(html(one));
    }
  });
});

describe("nobody but us makes a card", () => {
  const imitation = `${CARD_MARK} Your agent asks to reach\n**bank.test**:443`;
  const disguises = [
    imitation,
    "&#x1F6E1; x",
    "&#128737;&#xFE0F; x",
    "\u{1F6E1}\uFE0E x",
    "\u26E8\uFE0F x",
    "`\u{1F6E1}`",
    "```\u{1F6E1}\n\u{1F6E1}\n```",
    "[\u{1F6E1}](https://x.test/\u{1F6E1})",
    "| \u{1F6E1} |\n|---|\n| \u{1F6E1} |",
    "![\u{1F6E1}](x)",
  ];
  for (const text of disguises) {
    it(`an answer ${JSON.stringify(text.slice(0, 20))} loses the sign`, () => {
      const shown = renderHtml(withoutMarkIn(parseMarkdown(markdownOf({ kind: "final", markdown: text }))));
      assert.doesNotMatch(shown, /[\u{1F6E1}\u26E8]/u);
      assert.match(shown, /\[shield\]/);
    });
    it(`a draft ${JSON.stringify(text.slice(0, 20))} loses it`, () => {
      const limits = { textUnits: 4_000, editIntervalMs: 0, typingIntervalMs: 0 };
      for (const status of ["", imitation]) {
        const { blocks, source, ...rest } = draftContent(text, status, { limits, measure: measureHtml });
        assert.doesNotMatch(renderHtml(blocks) + source, /[\u{1F6E1}\u26E8]/u);
        assert.ok(!("buttons" in rest));
      }
    });
  }
  it("a card has it once, at its head", () => {
    for (const state of ApprovalState.options)
      assert.deepEqual(html(record({ state })).split(CARD_MARK)[0], "");
  });
});
