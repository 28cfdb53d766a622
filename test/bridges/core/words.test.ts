/** Commands, access and the catalogue: pure tables. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { markdownOf, sentence, wordsOf } from "../../../src/bridges/core/catalogue.ts";
import { type ParsedText, parseText } from "../../../src/bridges/core/commands.ts";
import { exportOf } from "../../../src/bridges/core/export.ts";
import { decideAccess, parseAllowList, parseMarkdown, plainText } from "../../../src/bridges/core/index.ts";
import { ENGLISH } from "../../../src/bridges/core/texts/en.ts";
import { FAILURE_CODES } from "../../../src/worker/answer.ts";

const shown = (markdown: string) => plainText(parseMarkdown(markdown));

describe("commands", () => {
  const cases: [string, ParsedText][] = [
    ["/start", { kind: "command", name: "start", args: "" }],
    ["/START", { kind: "command", name: "start", args: "" }],
    ["  /new  ", { kind: "command", name: "new", args: "" }],
    ["/new what\nnow", { kind: "command", name: "new", args: "what\nnow" }],
    ["/stop@Claw_Bot", { kind: "command", name: "stop", args: "" }],
    ["/stop@claw_bot now", { kind: "command", name: "stop", args: "now" }],
    ["/stop@other_bot", { kind: "other-bot" }],
    ["/model", { kind: "command", name: "model", args: "" }],
    ["/modell", { kind: "unknown-command", name: "modell" }],
    ["/etc/hosts", { kind: "text", text: "/etc/hosts" }],
    ["/ new", { kind: "text", text: "/ new" }],
    ["//new", { kind: "text", text: "//new" }],
    ["say /new", { kind: "text", text: "say /new" }],
    ["/newish-thing", { kind: "text", text: "/newish-thing" }],
    [" spaces stay ", { kind: "text", text: " spaces stay " }],
    ["", { kind: "text", text: "" }],
  ];
  for (const [text, want] of cases)
    it(JSON.stringify(text), () => assert.deepEqual(parseText(text, "claw_bot"), want));
});

describe("access", () => {
  it("is closed when nothing is set", () => {
    for (const value of [undefined, "", " , "]) {
      assert.deepEqual(decideAccess("1", parseAllowList(value, "X")), { kind: "stranger", reason: "closed" });
    }
  });
  it("lets in exactly the listed ids", () => {
    const allowed = parseAllowList("12, 34\n56", "X");
    assert.deepEqual(decideAccess("34", allowed), { kind: "allowed" });
    for (const id of ["3", "340", " 34", "034", ""]) {
      assert.deepEqual(decideAccess(id, allowed), { kind: "stranger", reason: "not-listed" }, id);
    }
  });
  for (const value of ["@ann", "ann", "12,*", "-5", "0", "1.5", "12;34", "012"]) {
    it(`refuses the list ${JSON.stringify(value)}`, () =>
      assert.throws(() => parseAllowList(value, "TELEGRAM_ALLOWED_USERS"), { code: "allowlist-invalid" }));
  }
});

describe("catalogue", () => {
  it("has a sentence for each failure that a worker reports", () => {
    for (const code of FAILURE_CODES) assert.ok(Object.hasOwn(ENGLISH, code), code);
  });
  it("names the number of dropped messages", () => {
    assert.equal(sentence("stopped", { discarded: "0" }), "⏹ Stopped.");
    assert.match(sentence("stopped", { discarded: "1" }), /One waiting message/);
    assert.match(sentence("stopped", { discarded: "7" }), /7 waiting messages/);
  });
  it("is never silent about a code it doesn't know", () => {
    assert.match(shown(markdownOf({ kind: "notice", code: "brand-new", params: {} })), /brand-new/);
    assert.match(shown(markdownOf({ kind: "failure", code: "__proto__", reference: "r1" })), /r1/);
  });
  it("gives a failure its reference, and only ours", () => {
    const text = shown(
      markdownOf({
        kind: "failure",
        code: "agent-crashed",
        reference: "t_abc_1",
        detail: "secret internals",
      }),
    );
    assert.match(text, /Reference: t_abc_1$/);
    assert.doesNotMatch(text, /internals/);
  });
  it("shows an empty answer as such", () =>
    assert.match(shown(markdownOf({ kind: "final", markdown: " \n" })), /without a text/));
  it("lets no value become markup", () => {
    const evil = "*x* [a](/b) `c` <b> @all\n# h";
    const blocks = parseMarkdown(sentence("unknown-command", { name: evil }));
    assert.equal(blocks.length, 1);
    const kinds = new Set((blocks[0] as { children: { type: string }[] }).children.map((node) => node.type));
    assert.deepEqual([...kinds], ["text"]);
    const code = parseMarkdown(sentence("access.paired", { id: "1` [a](https://evil.example) `2" }));
    assert.doesNotMatch(JSON.stringify(code), /"type":"link"/);
  });
});

it("an export holds what was said in recordings, whole", () => {
  const heard = [
    { name: "v.ogg", text: "word ".repeat(200) },
    { name: "w.ogg", failed: "failed" as const },
  ];
  const file = exportOf(wordsOf("en"), [
    {
      ...{ turnId: "t", session: 1, acceptedAt: 0, settledAt: 1, text: "", files: ["v.ogg", "w.ogg"] },
      answer: { kind: "final", markdown: "done", heard },
    },
  ]);
  const text = file?.bytes.toString("utf8") ?? "";
  assert.ok(text.includes(`📎 v.ogg\n\n📎 w.ogg\n\n🎤 ${"word ".repeat(200)}\n\n## Agent`), text);
});
