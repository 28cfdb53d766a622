/**
 * What a Discord client shows for a message's text: Discord's own Markdown, as far as text, links, mentions and code go.
 * Written from the published rules of its clients (simple-markdown), independent of our renderer, to judge it.
 */

/** A fenced block. */
export interface CodeBlock {
  lang: string;
  code: string;
}

/** What a reader sees and what the client would act on. */
export interface Shown {
  text: string;
  /** Addresses that can be clicked, with what stands there instead of the address. */
  links: { url: string; text: string }[];
  /** People, roles, channels, @everyone, timestamps, emoji: whatever is not plain text. */
  mentions: string[];
  blocks: CodeBlock[];
  /** Marks that were opened and not closed: a fence or a spoiler cut in two. */
  problems: string[];
}

const FENCE = /^```(?:([a-z0-9_+\-.#]+?)\n)?\n*([^\n][\s\S]*?)\n*```/i;
const CODE = /^(`+)([\s\S]*?[^`])\1(?!`)/;
const MENTION = /^<(?:@!?\d+|@&\d+|#\d+|a?:\w{2,32}:\d+|t:-?\d+(?::[tTdDfFR])?|\/[\w -]+:\d+|id:\w+)>/;
const EVERYONE = /^@(?:everyone|here)/;
const AUTOLINK = /^<(https?:\/\/[^ >]+)>/;
const MASKED = /^\[((?:\\.|[^[\]\\])*)\]\(\s*<?(https?:\/\/[^\s<>)]*(?:\([^\s)]*\)[^\s<>)]*)*)>?\s*\)/;
const BARE = /^https?:\/\/[^\s<]+[^<.,:;"'\]\s)]/;
const ESCAPE = /^\\([^0-9A-Za-z\s])/;
const SPANS: { pattern: RegExp; inner: number }[] = [
  { pattern: /^\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)/, inner: 1 },
  { pattern: /^__((?:\\[\s\S]|[^\\])+?)__(?!_)/, inner: 1 },
  { pattern: /^~~((?:\\[\s\S]|[^\\])+?)~~/, inner: 1 },
  { pattern: /^\|\|((?:\\[\s\S]|[^\\])+?)\|\|/, inner: 1 },
  { pattern: /^\*(?=\S)((?:\*\*|\\[\s\S]|[^*\\]|\*(?!\s))*?[^\s\\*])\*(?!\*)/, inner: 1 },
  { pattern: /^\b_((?:__|\\[\s\S]|[^\\_])+?)_\b/, inner: 1 },
];
/** Only at the start of a line. */
const HEADING = /^(#{1,3}) +(?=\S)/;
const SUBTEXT = /^-# +(?=\S)/;
const QUOTE = /^(?:>>> ?|> ?)/;
const BULLET = /^( *)([-*]) +(?=\S)/;
const NUMBER = /^( *)(\d{1,9})\. +(?=\S)/;

/** Reads a text. */
export function showMarkdown(source: string): Shown {
  const shown: Shown = { text: "", links: [], mentions: [], blocks: [], problems: [] };
  shown.text = walk(source, shown, true);
  return shown;
}

function walk(source: string, shown: Shown, lineStart: boolean): string {
  let text = "";
  let at = 0;
  let fresh = lineStart;
  let before = "\n";
  while (at < source.length) {
    const rest = source.slice(at);
    if (fresh) {
      const start = startOfLine(rest);
      if (start) {
        text += start.shown;
        at += start.length;
        fresh = start.again;
        before = " ";
        continue;
      }
    }
    const step = inline(rest, before, shown);
    text += step.text;
    at += step.length;
    before = source[at - 1] ?? "";
    fresh = lineStart && before === "\n";
  }
  return text;
}

function startOfLine(rest: string): { shown: string; length: number; again: boolean } | undefined {
  const heading = HEADING.exec(rest) ?? SUBTEXT.exec(rest);
  if (heading) return { shown: "", length: heading[0].length, again: false };
  const quote = QUOTE.exec(rest);
  if (quote && (rest[1] === " " || rest.startsWith(">>>")))
    return { shown: "", length: quote[0].length, again: true };
  const bullet = BULLET.exec(rest);
  if (bullet) return { shown: `${bullet[1]}• `, length: bullet[0].length, again: false };
  const number = NUMBER.exec(rest);
  if (number) return { shown: `${number[1]}${number[2]}. `, length: number[0].length, again: false };
  return undefined;
}

interface Step {
  text: string;
  length: number;
}

function inline(rest: string, before: string, shown: Shown): Step {
  const escaped = ESCAPE.exec(rest);
  if (escaped) return { text: escaped[1]!, length: escaped[0].length };
  const fence = FENCE.exec(rest);
  if (fence) {
    shown.blocks.push({ lang: fence[1] ?? "", code: fence[2]! });
    return { text: fence[2]!, length: fence[0].length };
  }
  const code = CODE.exec(rest);
  if (code) {
    if (code[1] === "```") shown.problems.push("fence with an empty body");
    return { text: code[2]!, length: code[0].length };
  }
  if (rest.startsWith("```")) shown.problems.push("fence that is not closed");
  const mention = MENTION.exec(rest) ?? EVERYONE.exec(rest);
  if (mention) {
    shown.mentions.push(mention[0]);
    return { text: mention[0], length: mention[0].length };
  }
  return link(rest, shown) ?? span(rest, before, shown) ?? { text: rest[0]!, length: 1 };
}

function link(rest: string, shown: Shown): Step | undefined {
  const auto = AUTOLINK.exec(rest);
  if (auto) {
    shown.links.push({ url: auto[1]!, text: auto[1]! });
    return { text: auto[1]!, length: auto[0].length };
  }
  const masked = MASKED.exec(rest);
  if (masked) {
    const text = walk(masked[1]!, shown, false);
    shown.links.push({ url: masked[2]!, text });
    return { text, length: masked[0].length };
  }
  const bare = BARE.exec(rest);
  if (!bare) return undefined;
  shown.links.push({ url: bare[0], text: bare[0] });
  return { text: bare[0], length: bare[0].length };
}

function span(rest: string, before: string, shown: Shown): Step | undefined {
  for (const { pattern, inner } of SPANS) {
    const match = pattern.exec(rest);
    if (!match) continue;
    if (rest[0] === "_" && rest[1] !== "_" && /\w/.test(before)) continue;
    return { text: walk(match[inner]!, shown, false), length: match[0].length };
  }
  return undefined;
}
