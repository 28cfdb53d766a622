/** Markdown for the tests of every renderer: as agents write it, with hostile bits, and what no bridge may fall for. */
import fc from "fast-check";

/** Words with bits that mean something to some platform. */
const word = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-zA-Z0-9]{1,12}$/) },
  fc.constantFrom(
    ...[
      "<b>",
      "</i>",
      "&amp;",
      "&",
      "*",
      "**",
      "_x_",
      "`",
      "~~s~~",
      "[",
      "](",
      "!",
      "👩‍💻",
      "é",
      "עברית",
      "中文字",
      "\\",
      "|",
      "$x$",
    ],
    ...[
      "<script>",
      "<@123>",
      "@everyone",
      "||",
      "#",
      "-#",
      ">",
      "1.",
      "```",
      "<https://x.test>",
      "a_b_c",
      "~",
      "@here",
    ],
  ),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
);
const line = fc.array(word, { minLength: 1, maxLength: 40 }).map((words) => words.join(" "));
const lines = (most: number) => fc.array(line, { minLength: 1, maxLength: most });
const table = fc
  .array(fc.tuple(word, word, line), { minLength: 1, maxLength: 8 })
  .map((rows) =>
    [
      "| a | b | c |",
      "|---|:-:|--:|",
      ...rows.map((row) => `| ${row.map((cell) => cell.replace(/\|/g, "\\|")).join(" | ")} |`),
    ].join("\n"),
  );
const link = fc
  .tuple(word, line)
  .map(
    ([text, path]) =>
      `[${text}](https://example.org/${encodeURIComponent(path.toWellFormed())}) ![${text}](http://x.test/y.png)`,
  );
const block = fc.oneof(
  line,
  line.map((text) => `## ${text}`),
  lines(8).map((all) => all.map((text) => `- ${text}`).join("\n")),
  lines(5).map((all) => all.map((text, i) => `${"  ".repeat(i)}1. ${text}`).join("\n")),
  lines(12).map((all) => `\`\`\`ts\n${all.join("\n")}\n\`\`\``),
  lines(4).map((all) => all.map((text) => `> ${text}`).join("\n")),
  table,
  link,
);

/** A whole answer. */
export const markdownAnswer: fc.Arbitrary<string> = fc
  .array(block, { minLength: 1, maxLength: 12 })
  .map((blocks) => blocks.join("\n\n"));

/** Answers that have brought parsers to their knees. */
export const HOSTILE: readonly (readonly [name: string, markdown: string])[] = [
  ["deep quotations", `${">".repeat(5_000)} x`],
  ["deep lists", Array.from({ length: 300 }, (_, i) => `${"  ".repeat(i)}- x`).join("\n")],
  ["open brackets", "[".repeat(20_000)],
  ["open emphasis", "*a _b ".repeat(8_000)],
  ["backticks", `${"`".repeat(20_000)}\nx`],
  ["a long line of list marks", "- ".repeat(60_000)],
  ["quarter of a megabyte of emphasis", "*a _b ".repeat(42_000)],
  ["a fence that never ends", `\`\`\`\n${"line of code\n".repeat(20_000)}`],
  ["a very long word", "x".repeat(200_000)],
  ["a very long link", `[x](https://example.org/${"y".repeat(9_000)})`],
  ["a wide table", `|${" h |".repeat(400)}\n|${"---|".repeat(400)}\n|${" v |".repeat(400)}`],
  ["combining marks without end", `a${"\u0301".repeat(9_000)}`],
];

/** Text that is not white space, in order: what must survive rendering and any split. */
export const letters = (text: string): string => text.replace(/[\s\u200b]+/g, "");

/** What has to be seen whatever the platform: list marks and numbers at the start of lines are the platform's own. */
export const unmarked = (text: string): string =>
  letters(text.replace(/^(?:[^\S\n]*(?:[•☑☐>▪]\ufe0f?|\d+\.)(?=\s|$))+/gm, ""));
