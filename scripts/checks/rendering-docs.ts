/**
 * docs/rendering.md and the fixtures below test/fixtures/rendering, made from the conformance suite's samples by the
 * bridges' own renderers. `--write` makes them (`npm run docs`); without it they are compared, so that a renderer that
 * changed what people see fails the static gate.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Blocks, parseMarkdown, splitBlocks } from "../../src/bridges/core/index.ts";
import { discordPlatform } from "../../src/bridges/discord/outbound.ts";
import { renderMarkdown } from "../../src/bridges/discord/render.ts";
import { telegramPlatform } from "../../src/bridges/telegram/outbound.ts";
import { renderHtml } from "../../src/bridges/telegram/render.ts";
import { SAMPLES } from "../../test/conformance/bridge/samples.ts";

const PAGE = "docs/rendering.md";
const FIXTURES = "test/fixtures/rendering";
/** Lines of a message that the page shows. */
const SHOWN = 12;

interface Target {
  name: string;
  ext: string;
  fence: string;
  messages(blocks: Blocks): string[];
}

/** Limits and measures are the platforms' own; nothing is sent. */
const [telegram, discord] = [
  telegramPlatform(undefined as never, 0, undefined as never),
  discordPlatform({ api: undefined as never, pending: undefined as never, self: () => "", apiRoot: "" }),
];
const TARGETS: Target[] = [
  {
    ...{ name: "Telegram", ext: "telegram.html", fence: "html" },
    messages: (blocks) => splitBlocks(blocks, telegram.limits.textUnits, telegram.measure).map(renderHtml),
  },
  {
    ...{ name: "Discord", ext: "discord.md", fence: "markdown" },
    messages: (blocks) => splitBlocks(blocks, discord.limits.textUnits, discord.measure).map(renderMarkdown),
  },
];

const HEAD = `# How answers look

Made by \`npm run docs\` from the samples of the conformance suite (\`test/conformance/bridge/samples.ts\`); do not edit by hand.
The whole text of every sample, harmful ones too, is in \`test/fixtures/rendering\`.

Agents write Markdown (CommonMark and GFM). It is parsed once, to one tree; each platform renders the tree. What holds
everywhere:

- Nothing is cut: what is too long for one message goes on in the next one, at a paragraph, list item, row, code line or word;
  fences are opened again, a table repeats its head.
- Nothing that an agent wrote makes a platform fetch: images become text, addresses that are not plain web or mail links become
  code, previews are off in every message and edit.
- A link whose text is not its address shows the host that it really leads to.
- Nobody is pinged, and no text looks like an approval card.
- A table is set in fixed width where a phone has room for it (42 columns), else row by row.
`;

/** The longest run of backticks decides the fence around it. */
function fenced(text: string, lang: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${lang}\n${text}\n${fence}`;
}

function shortened(text: string): string {
  const lines = text.split("\n").map((line) => (line.length > 160 ? `${line.slice(0, 160)} …` : line));
  return lines.length <= SHOWN
    ? lines.join("\n")
    : [...lines.slice(0, SHOWN), `… ${lines.length - SHOWN} more lines`].join("\n");
}

function section(title: string, markdown: string): string {
  const blocks = parseMarkdown(markdown);
  const shown = TARGETS.map(({ name, fence, messages }) => {
    const all = messages(blocks);
    const count = all.length === 1 ? "" : ` (${all.length} messages)`;
    return `**${name}**${count}\n\n${all.map((text) => fenced(shortened(text), fence)).join("\n\n")}`;
  });
  return `## ${title}\n\nThe agent writes:\n\n${fenced(shortened(markdown), "markdown")}\n\n${shown.join("\n\n")}\n`;
}

/** Signs that turn the direction of text are spelled out: a file must look like what it holds. */
function spelled(text: string): string {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (sign) => `\\u{${sign.charCodeAt(0).toString(16)}}`);
}

/** Path → text of everything that is generated. */
function generated(): Map<string, string> {
  const files = new Map<string, string>();
  const titled = Object.values(SAMPLES).flatMap(({ title, markdown }) =>
    title ? [section(title, markdown)] : [],
  );
  files.set(PAGE, [HEAD, ...titled].join("\n"));
  for (const [name, { markdown }] of Object.entries(SAMPLES)) {
    const blocks = parseMarkdown(markdown);
    for (const { ext, messages } of TARGETS) {
      const text = messages(blocks)
        .map((message, i) => (i === 0 ? message : `\n===== message ${i + 1} =====\n${message}`))
        .join("\n");
      files.set(join(FIXTURES, `${name.replaceAll(" ", "-")}.${ext}`), `${spelled(text)}\n`);
    }
  }
  return files;
}

const files = generated();
const present = existsSync(FIXTURES) ? readdirSync(FIXTURES).map((name) => join(FIXTURES, name)) : [];
const stale = present.filter((path) => !files.has(path));
if (process.argv.includes("--write")) {
  mkdirSync(FIXTURES, { recursive: true });
  for (const path of stale) rmSync(path);
  for (const [path, text] of files) writeFileSync(path, text);
} else {
  const wrong = [...files].filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text);
  const all = [...wrong.map(([path]) => path), ...stale];
  if (all.length > 0) {
    console.error(
      `${all.slice(0, 5).join(", ")}: not what the renderers make: run npm run docs, look at it, and commit it`,
    );
    process.exitCode = 1;
  }
}
