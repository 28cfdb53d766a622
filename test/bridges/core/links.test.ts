/** Links of an agent: only where its policy lets it go; everything else says in code where it would lead. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseMarkdown, plainText } from "../../../src/bridges/core/index.ts";
import { hasLinks, hostsOf, judgedLinks, NO_HOSTS } from "../../../src/bridges/core/markdown/links.ts";
import { unlinked } from "../../../src/bridges/core/markdown/unlinked.ts";
import { renderHtml } from "../../../src/bridges/telegram/render.ts";

const may = hostsOf(["docs.example.org", "*.one.test", "**.deep.test"]);
const html = (markdown: string) => renderHtml(judgedLinks(parseMarkdown(markdown), may));

describe("links of an agent", () => {
  const rows: [string, string, string][] = [
    [
      "an allowed host",
      "[docs](https://docs.example.org/a)",
      '<a href="https://docs.example.org/a">docs</a> (<code>docs.example.org</code>)',
    ],
    ["another host", "[click](https://evil.example/?q=s)", "click <code>https://evil.example/?q=s</code>"],
    ["a bare address", "see https://evil.example/x", "see <code>https://evil.example/x</code>"],
    [
      "one label more",
      "[a](https://a.one.test)",
      '<a href="https://a.one.test">a</a> (<code>a.one.test</code>)',
    ],
    [
      "two labels more, where one is allowed",
      "[a](https://b.a.one.test)",
      "a <code>https://b.a.one.test</code>",
    ],
    [
      "any labels more",
      "[a](https://c.b.deep.test)",
      '<a href="https://c.b.deep.test">a</a> (<code>c.b.deep.test</code>)',
    ],
    ["the name itself is not below it", "[a](https://deep.test)", "a <code>https://deep.test</code>"],
    [
      "a look-alike suffix",
      "[a](https://docs.example.org.evil.example)",
      "a <code>https://docs.example.org.evil.example</code>",
    ],
    [
      "a dot at the end",
      "[a](https://docs.example.org./x)",
      '<a href="https://docs.example.org./x">a</a> (<code>docs.example.org.</code>)',
    ],
    [
      "international letters are shown as what they are",
      "[a](https://docs.examp1e.org)",
      "a <code>https://docs.examp1e.org</code>",
    ],
    [
      "a cyrillic look-alike",
      "[bank](https://b\u0430nk.example/)",
      "bank <code>https://xn--bnk-6cd.example/</code>",
    ],
    [
      "mail",
      "[write](mailto:a@evil.example?body=secret)",
      "write <code>mailto:a@evil.example?body=secret</code>",
    ],
    ["an address of mail", "a@evil.example", "<code>mailto:a@evil.example</code>"],
    ["a link within emphasis", "**[x](https://evil.example)**", "<b>x <code>https://evil.example</code></b>"],
    ["a link in a list", "- [x](https://evil.example)", "• x <code>https://evil.example</code>"],
    [
      "a link in a table",
      "| a |\n|---|\n| [x](https://evil.example) |",
      "<pre>a\n─────────────────────────\nx https://evil.example   </pre>",
    ],
  ];
  for (const [name, markdown, want] of rows)
    it(name, () => {
      const got = html(markdown);
      if (name.includes("table")) assert.ok(!got.includes("<a "), got);
      else assert.equal(got, want);
    });

  it("nothing is lost, and nothing is linked where no host may be", () => {
    const markdown = "a [b](https://x.test/1) c <https://y.test> d ![i](https://z.test/p.png)";
    const blocks = judgedLinks(parseMarkdown(markdown), NO_HOSTS);
    assert.ok(!hasLinks(blocks));
    for (const part of ["a b", "https://x.test/1", "https://y.test", "z.test/p.png"])
      assert.ok(plainText(blocks).includes(part), part);
    assert.ok(hasLinks(parseMarkdown(markdown)));
  });

  it("for places without a switch for previews, addresses without a scheme are code, too", () => {
    const text = renderHtml(unlinked(parseMarkdown("see evil.example/x and www.y.test, v1.2 of file")));
    assert.equal(text, "see <code>evil.example/x</code> and <code>www.y.test</code>, v1.2 of file");
  });
});
