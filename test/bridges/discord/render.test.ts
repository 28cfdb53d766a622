/** Discord's Markdown from the tree: judged by a reader of Discord's own rules, with made-up answers and hostile ones. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { RootContent } from "mdast";
import { type Blocks, parseMarkdown, splitBlocks } from "../../../src/bridges/core/index.ts";
import { discordPlatform } from "../../../src/bridges/discord/outbound.ts";
import { measureMarkdown, renderMarkdown } from "../../../src/bridges/discord/render.ts";
import { showMarkdown } from "../../fakes/discord/markdown.ts";
import { HOSTILE, letters, markdownAnswer, unmarked } from "../../helpers/markdown.ts";

const render = (markdown: string) => renderMarkdown(parseMarkdown(markdown));
const shown = (markdown: string) => showMarkdown(render(markdown));

const BLOCKS = new Set(["paragraph", "heading", "code", "list", "listItem", "blockquote"]);

/** All text of a tree in order, each block on lines of its own. */
function textOf(nodes: readonly unknown[]): string {
  return nodes
    .map((node) => {
      const { type, value, children } = node as { type: string; value?: string; children?: unknown[] };
      const text = value ?? (type === "break" ? "\n" : textOf(children ?? []));
      return BLOCKS.has(type) ? `\n${text}\n` : text;
    })
    .join("");
}

const isPlain = (blocks: Blocks) => {
  const has = (node: RootContent): boolean =>
    node.type === "table" ||
    node.type === "link" ||
    node.type === "thematicBreak" ||
    ((node as { children?: RootContent[] }).children ?? []).some(has);
  return !blocks.some(has);
};

describe("discord rendering", () => {
  it("labels the placeholder's Stop button in the language of who asked", async () => {
    const sent: unknown[] = [];
    const api = { createMessage: async (_: string, body: unknown) => String(sent.push(body)) };
    const platform = discordPlatform({ api, pending: {}, self: () => "1", apiRoot: "" } as never);
    const anchor = { key: "k", turnId: "t_aaaaaaaaaaaaaaaaaaaa", again: false };
    await platform.sendAnchor({ chat: "1", language: "de" }, anchor);
    await platform.sendAnchor({ chat: "1" }, anchor);
    assert.match(JSON.stringify(sent[0]), /"label":"Stopp"/);
    assert.match(JSON.stringify(sent[1]), /"label":"Stop"/);
  });
  const table: [string, string, string][] = [
    ["marks", "**b** *i* ~~s~~ `c`", "**b** *i* ~~s~~ `c`"],
    ["headings, the fourth is bold", "# a\n\n### c\n\n#### d", "# a\n\n### c\n\n**d**"],
    ["code with its language", "```python\nx = 1\n```", "```python\nx = 1\n```"],
    ["code that holds a fence", "````\n```\nx\n```\n````", "```\n`\u200b`\u200b`\nx\n`\u200b`\u200b`\n```"],
    ["nested lists", "- a\n  - b\n    1. c", "- a\n  - b\n    1. c"],
    ["task lists", "- [x] a\n- [ ] b", "- ☑ a\n- ☐ b"],
    ["quotations", "> a\n>\n> b", "> a\n> b"],
    ["mentions as text", "<@123> @everyone <#5>", "\\<@123> \\@everyone \\<#5>"],
    ["marks that aren't meant", "a_b_c 2 * 3 ~5 |6|", "a\\_b\\_c 2 \\* 3 \\~5 \\|6\\|"],
    ["a line that looks like a list", "x\n\\- y\n\\# z", "x\n\\- y\n\\# z"],
    ["an address with its own text", "<https://example.org/a>", "<https://example.org/a>"],
    [
      "a link with its real host",
      "[your bank](https://evil.example/login)",
      "[your bank](<https://evil.example/login>) (`evil.example`)",
    ],
    [
      "an image as text",
      "![cat](https://evil.example/x.png)",
      "\\[image: cat\\] `https://evil.example/x.png`",
    ],
    ["a small table", "| a | b |\n|---|--:|\n| 1 | 22 |", "```\na │  b\n──┼───\n1 │ 22\n```"],
  ];
  for (const [name, markdown, want] of table) it(name, () => assert.equal(render(markdown), want));

  it("a wide table row by row", () => {
    const wide = `| name | text |\n|---|---|\n| one | ${"word ".repeat(12)} |`;
    assert.match(render(wide), /^▪️ \*\*name\*\*: one\n\u2002 \*\*text\*\*: word /);
  });
  it("shows hosts of internationalised names as punycode", () => {
    assert.match(render("[x](https://еxample.com/)"), /\(`xn--[a-z0-9-]+\.com`\)$/);
  });
  for (const source of [
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://user:pw@host.test/",
    "data:text/html,x",
  ])
    it(`makes no link of ${source}`, () =>
      assert.deepEqual(
        shown(`[press](${source}) <${source}>`).links.filter(({ url }) => !url.startsWith("https://host")),
        [],
      ));
  it("property: what the tree says is what a reader sees; nothing mentions, every mark is whole", () => {
    fc.assert(
      fc.property(markdownAnswer, (markdown) => {
        const blocks = parseMarkdown(markdown);
        const { text, mentions, problems, links } = showMarkdown(renderMarkdown(blocks));
        assert.deepEqual(mentions, []);
        assert.deepEqual(problems, []);
        for (const { url } of links) assert.match(url, /^https?:\/\/(?:example\.org|x\.test)/);
        if (isPlain(blocks)) assert.equal(unmarked(text), unmarked(textOf(blocks)));
      }),
      { numRuns: 200, seed: 20261126 },
    );
  });
  it("property: each part of a split fits, is whole, and no letter is lost", () => {
    fc.assert(
      fc.property(markdownAnswer, fc.integer({ min: 120, max: 900 }), (markdown, limit) => {
        const blocks = parseMarkdown(markdown);
        const parts = splitBlocks(blocks, limit, measureMarkdown);
        const texts = parts.map((part) => {
          const source = renderMarkdown(part);
          assert.ok(source.length <= limit, `${source.length} > ${limit}`);
          assert.ok(source.isWellFormed());
          const { text, mentions, problems } = showMarkdown(source);
          assert.deepEqual([mentions, problems], [[], []]);
          return text;
        });
        if (isPlain(blocks)) assert.equal(unmarked(texts.join("\n")), unmarked(textOf(blocks)));
      }),
      { numRuns: 120, seed: 20261127 },
    );
  });
  it("property: any text at all is shown, none too long, and never throws", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 3_000 }),
        fc.integer({ min: 40, max: 500 }),
        (text, limit) => {
          for (const part of splitBlocks(parseMarkdown(text), limit, measureMarkdown)) {
            const source = renderMarkdown(part);
            assert.ok(source.length <= limit);
            assert.notEqual(letters(source), "");
          }
        },
      ),
      { numRuns: 150, seed: 20261128 },
    );
  });
  for (const [name, markdown] of HOSTILE)
    it(`bears ${name} within 3 s`, () => {
      const started = performance.now();
      const parts = splitBlocks(parseMarkdown(markdown), 2_000, measureMarkdown);
      assert.ok(parts.length > 0);
      for (const part of parts) assert.ok(renderMarkdown(part).length <= 2_000);
      assert.ok(performance.now() - started < 3_000, `${Math.round(performance.now() - started)} ms`);
    });
});
