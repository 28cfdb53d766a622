/** The judge of our renderer reads Discord's Markdown as its clients do. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { showMarkdown } from "./markdown.ts";

const TEXTS: [string, string][] = [
  [
    "**bold** and *italic* and __under__ and ~~gone~~ and ||spoiler||",
    "bold and italic and under and gone and spoiler",
  ],
  ["snake_case_name stays", "snake_case_name stays"],
  ["\\*not italic\\* and \\_not\\_", "*not italic* and _not_"],
  ["# Head\n## Sub\ntext # none", "Head\nSub\ntext # none"],
  ["\\# no head", "# no head"],
  ["> quoted\nnot", "quoted\nnot"],
  ["- one\n  - two\n1. three", "• one\n  • two\n1. three"],
  ["`co*de*`", "co*de*"],
  ["``a ` b``", "a ` b"],
  ["```js\nlet a = *1*;\n```", "let a = *1*;"],
  ["[text](https://a.example/x)", "text"],
  ["-# small", "small"],
];

describe("discord's Markdown", () => {
  for (const [source, text] of TEXTS)
    it(`shows ${JSON.stringify(source)}`, () => {
      const shown = showMarkdown(source);
      assert.equal(shown.text, text);
      assert.deepEqual(shown.problems, []);
    });
  for (const mention of [
    "<@123>",
    "<@!123>",
    "<@&123>",
    "<#123>",
    "@everyone",
    "@here",
    "<:a_b:123>",
    "<t:123:R>",
    "</new:12>",
  ])
    it(`sees the mention ${mention}, and none when it is escaped or code`, () => {
      assert.deepEqual(showMarkdown(`x ${mention} y`).mentions, [mention]);
      assert.deepEqual(showMarkdown(`\`${mention}\``).mentions, []);
      if (mention.startsWith("<")) assert.deepEqual(showMarkdown(`\\${mention}`).mentions, []);
    });
  it("sees links: masked, in angle brackets and bare", () => {
    const { links } = showMarkdown("[a](https://one.example) <https://two.example> https://three.example/x.");
    assert.deepEqual(
      links.map(({ url }) => url),
      ["https://one.example", "https://two.example", "https://three.example/x"],
    );
    assert.equal(links[0]!.text, "a");
  });
  it("sees a fence's language, and a fence that is not closed", () => {
    assert.deepEqual(showMarkdown("```py\nx\n```").blocks, [{ lang: "py", code: "x" }]);
    assert.deepEqual(showMarkdown("```py\nx").problems, ["fence that is not closed"]);
  });
});
