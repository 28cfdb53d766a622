/** Splitting: nothing lost, nothing too long, every part whole markup; checked with made-up answers and with hostile ones. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Blocks, parseMarkdown, splitBlocks } from "../../../src/bridges/core/index.ts";
import { measureHtml, renderHtml } from "../../../src/bridges/telegram/render.ts";
import { parseHtml } from "../../fakes/telegram/entities.ts";
import { HOSTILE, letters, markdownAnswer } from "../../helpers/markdown.ts";

const visible = (blocks: Blocks) => parseHtml(renderHtml(blocks)).text;
const split = (markdown: string, limit: number) => splitBlocks(parseMarkdown(markdown), limit, measureHtml);

describe("splitting", () => {
  it("keeps what fits in one part", () => {
    assert.equal(split("# a\n\nb\n\n- c", 4000).length, 1);
    assert.deepEqual(split("", 100), []);
    assert.deepEqual(split(" \n ", 100), []);
  });

  const borders: [string, string, number, string[]][] = [
    ["between paragraphs", "aaaa aaaa\n\nbbbb bbbb\n\ncccc", 14, ["aaaa aaaa", "bbbb bbbb", "cccc"]],
    [
      "at sentence ends",
      "One is here. Two is here. Three is.",
      27,
      ["One is here. Two is here.", "Three is."],
    ],
    ["at words", "aaa bbb ccc ddd", 8, ["aaa bbb", "ccc ddd"]],
    ["between list items", "- aaaa\n- bbbb\n- cccc", 14, ["• aaaa\n• bbbb", "• cccc"]],
    ["keeping numbers", "3. aaaa\n4. bbbb\n5. cccc", 16, ["3. aaaa\n4. bbbb", "5. cccc"]],
    ["within an item, without a second marker", "1. aaaa bbbb cccc", 12, ["1. aaaa bbbb", "cccc"]],
    ["within a word only when it is too long", "aaaaaaaaaa", 4, ["aaaa", "aaaa", "aa"]],
    ["between code lines", "```\nl1\nl2\nl3\n```", 6, ["l1\nl2", "l3"]],
  ];
  for (const [name, markdown, limit, want] of borders) {
    it(name, () =>
      assert.deepEqual(
        split(markdown, limit).map((part) => visible(part).trim()),
        want,
      ),
    );
  }

  it("reopens a code fence with its language", () => {
    const code = Array.from({ length: 50 }, (_, i) => `line ${i}`).join("\n");
    const parts = split(`before\n\n\`\`\`python\n${code}\n\`\`\`\n\nafter`, 120);
    assert.ok(parts.length > 3);
    for (const part of parts.slice(1, -1))
      assert.match(renderHtml(part), /^<pre><code class="language-python">/);
    const back = parts.flatMap((part) =>
      part.filter((node) => node.type === "code").map((node) => node.value),
    );
    assert.equal(back.join("\n"), code);
  });

  it("repeats a table's head in each part", () => {
    const rows = Array.from({ length: 40 }, (_, i) => `| r${i} | v${i} |`).join("\n");
    const parts = split(`| name | value |\n|---|---|\n${rows}`, 150);
    assert.ok(parts.length > 3);
    for (const part of parts) assert.match(visible(part), /^name +│ value/);
    assert.deepEqual(
      parts
        .map(visible)
        .join("\n")
        .match(/r\d+ /g)
        ?.map((r) => r.trim()),
      Array.from({ length: 40 }, (_, i) => `r${i}`),
    );
  });

  it("keeps emphasis and links on both sides of a cut", () => {
    // Each half of a link shows its host, so that is what has to fit.
    const parts = split("**aaaa bbbb** [cccc dddd](https://example.org/)", 20);
    assert.deepEqual(
      parts.map(renderHtml).map((html) => html.trim()),
      [
        "<b>aaaa bbbb</b>",
        '<a href="https://example.org/">cccc </a> (<code>example.org</code>)',
        '<a href="https://example.org/">dddd</a> (<code>example.org</code>)',
      ],
    );
  });

  it("never cuts a surrogate pair or an emoji made of several", () => {
    const family = "👨‍👩‍👧‍👦";
    for (const part of split(family.repeat(200), 100)) {
      const text = visible(part);
      assert.ok(text.isWellFormed());
      assert.equal(text.length % family.length, 0);
    }
  });

  it("property: each part is accepted by Telegram's parser and within the limit; no letter is lost", () => {
    fc.assert(
      fc.property(markdownAnswer, fc.integer({ min: 80, max: 900 }), (markdown, limit) => {
        const blocks = parseMarkdown(markdown);
        const parts = splitBlocks(blocks, limit, measureHtml);
        for (const part of parts) {
          const { text } = parseHtml(renderHtml(part));
          assert.ok(text.length <= limit, `${text.length} > ${limit}`);
          assert.equal(text.length, measureHtml(part), "measured as Telegram counts");
          assert.ok(text.isWellFormed());
        }
        // Tables repeat their head and change shape with their width: their words are compared as a set.
        // A link in two messages shows its host in both.
        const tables =
          blocks.some((node) => node.type === "table") || markdown.includes("](https://example.org/");
        const before = letters(visible(blocks));
        const after = letters(parts.map(visible).join(""));
        const unmarked = (text: string) => text.replace(/[•☑☐>]|\d+\./g, "");
        if (!tables) assert.equal(unmarked(after), unmarked(before));
      }),
      { numRuns: 300, seed: 20261122 },
    );
  });

  it("property: any text at all is shown, none too long, and never throws", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 3_000 }),
        fc.integer({ min: 16, max: 500 }),
        (text, limit) => {
          for (const part of split(text, limit)) {
            const shown = parseHtml(renderHtml(part)).text;
            assert.ok(shown.length <= limit);
            assert.notEqual(shown.trim(), "");
          }
        },
      ),
      { numRuns: 300, seed: 20261123 },
    );
  });

  for (const [name, markdown] of HOSTILE) {
    it(`bears ${name} within 2 s of CPU time`, () => {
      // CPU time: what others do on the machine doesn't count.
      const started = process.cpuUsage();
      const parts = split(markdown, 4_000);
      assert.ok(parts.length > 0);
      for (const part of parts) assert.ok(parseHtml(renderHtml(part)).text.length <= 4_000);
      const { user, system } = process.cpuUsage(started);
      const ms = (user + system) / 1_000;
      assert.ok(ms < 2_000, `${Math.round(ms)} ms`);
    });
  }
});
