/**
 * Telegram's "HTML style" and "MarkdownV2 style", as strict as the real parsers and with their wordings.
 * Offsets in error texts are bytes of UTF-8, entity offsets are UTF-16 units, both as in the Bot API.
 */
import { badRequest } from "./errors.ts";

/** A span of formatting. */
export interface Entity {
  type: string;
  offset: number;
  length: number;
  url?: string;
  language?: string;
}

/** Text without its markup. */
export interface Parsed {
  text: string;
  entities: Entity[];
}

const TAGS: Readonly<Record<string, string>> = {
  b: "bold",
  strong: "bold",
  i: "italic",
  em: "italic",
  u: "underline",
  ins: "underline",
  s: "strikethrough",
  strike: "strikethrough",
  del: "strikethrough",
  "tg-spoiler": "spoiler",
  span: "spoiler",
  a: "text_link",
  code: "code",
  pre: "pre",
  blockquote: "blockquote",
  "tg-emoji": "custom_emoji",
};

const cannot = (text: string) => badRequest(`can't parse entities: ${text}`);
const bytes = (text: string) => Buffer.byteLength(text);

interface Open {
  tag: string;
  type: string;
  offset: number;
  url?: string;
  language?: string;
}

/** Parses HTML style or throws 400. */
export function parseHtml(source: string): Parsed {
  let text = "";
  const entities: Entity[] = [];
  const open: Open[] = [];
  for (let i = 0; i < source.length; ) {
    const character = source[i]!;
    if (character === "&") {
      const [decoded, length] = decodeEntity(source, i);
      text += decoded;
      i += length;
    } else if (character !== "<") {
      text += character;
      i += 1;
    } else if (source[i + 1] === "/") {
      const end = source.indexOf(">", i);
      const name = source
        .slice(i + 2, end < 0 ? undefined : end)
        .trim()
        .toLowerCase();
      const last = open.pop();
      if (!last) throw cannot(`Unexpected end tag at byte offset ${bytes(source.slice(0, i))}`);
      if (name !== "" && name !== last.tag) {
        throw cannot(
          `Unmatched end tag at byte offset ${bytes(source.slice(0, i))}, expected "</${last.tag}>", found "</${name}>"`,
        );
      }
      closeTag(last, text, entities, open);
      i = end < 0 ? source.length : end + 1;
    } else {
      i = openTag(source, i, text, open);
    }
  }
  const left = open.at(-1);
  if (left) throw cannot(`Can't find end tag corresponding to start tag "${left.tag}"`);
  return { text, entities: entities.sort((a, b) => a.offset - b.offset || b.length - a.length) };
}

function decodeEntity(source: string, at: number): [string, number] {
  const match = /^&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|lt|gt|amp|quot);?/i.exec(source.slice(at, at + 12));
  if (!match) return ["&", 1];
  const name = match[1]!.toLowerCase();
  const named: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"' };
  const code = name.startsWith("#x") ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  return [named[name] ?? String.fromCodePoint(Math.min(code, 0x10ffff)), match[0].length];
}

function openTag(source: string, at: number, text: string, open: Open[]): number {
  const offset = bytes(source.slice(0, at));
  const match = /^<([a-zA-Z0-9-]*)((?:\s+[a-zA-Z-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+))?)*)\s*(>?)/.exec(
    source.slice(at),
  );
  const tag = (match?.[1] ?? "").toLowerCase();
  if (match?.[3] !== ">") {
    if (TAGS[tag] === undefined) throw cannot(`Unsupported start tag "${tag}" at byte offset ${offset}`);
    throw cannot(`Unclosed start tag at byte offset ${offset}`);
  }
  const type = TAGS[tag];
  if (type === undefined) throw cannot(`Unsupported start tag "${tag}" at byte offset ${offset}`);
  const attributes = new Map(
    [...(match[2] ?? "").matchAll(/([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g)].map((a) => [
      a[1]!.toLowerCase(),
      unescaped(a[2] ?? a[3] ?? a[4] ?? ""),
    ]),
  );
  if (tag === "span" && attributes.get("class") !== "tg-spoiler") {
    throw cannot(`Tag "span" must have class "tg-spoiler" at byte offset ${offset}`);
  }
  const href = attributes.get("href");
  const language = /^language-(.*)$/.exec(attributes.get("class") ?? "")?.[1];
  open.push({
    tag,
    type,
    offset: text.length,
    ...(tag === "a" && href !== undefined ? { url: href } : {}),
    ...(tag === "code" && language ? { language } : {}),
  });
  return at + match[0].length;
}

function unescaped(value: string): string {
  return value.replace(
    /&(lt|gt|amp|quot);/g,
    (_, n: string) => ({ lt: "<", gt: ">", amp: "&", quot: '"' })[n] ?? "",
  );
}

function closeTag(last: Open, text: string, entities: Entity[], open: Open[]): void {
  const length = text.length - last.offset;
  if (length === 0) return;
  const outer = open.at(-1);
  // `<pre><code class="language-x">`: one entity with a language.
  if (last.type === "code" && outer?.type === "pre" && outer.offset === last.offset) {
    if (last.language) outer.language = last.language;
    return;
  }
  // A link without an address is no link; its text stays.
  if (last.type === "text_link" && last.url === undefined) return;
  const { type, offset, url, language } = last;
  entities.push({ type, offset, length, ...(url ? { url } : {}), ...(language ? { language } : {}) });
}

const MARKS: [string, string][] = [
  ["||", "spoiler"],
  ["__", "underline"],
  ["*", "bold"],
  ["_", "italic"],
  ["~", "strikethrough"],
  ["`", "code"],
];
const NAMES: Readonly<Record<string, string>> = {
  spoiler: "Spoiler",
  underline: "Underline",
  bold: "Bold",
  italic: "Italic",
  strikethrough: "Strikethrough",
  code: "Code",
  pre: "PreCode",
};

/** Parses MarkdownV2 style (links and pre included) or throws 400. */
export function parseMarkdownV2(source: string): Parsed {
  let text = "";
  const entities: Entity[] = [];
  const open: { type: string; offset: number; at: number }[] = [];
  for (let i = 0; i < source.length; ) {
    const inner = open.at(-1)?.type;
    const verbatim = inner === "code" || inner === "pre";
    const character = source[i]!;
    if (character === "\\" && i + 1 < source.length && source.charCodeAt(i + 1) <= 126) {
      text += source[i + 1];
      i += 2;
      continue;
    }
    if (source.startsWith("```", i) && (inner === "pre" || !verbatim)) {
      i = fence(source, i);
      continue;
    }
    const mark = MARKS.find(([sign, type]) => source.startsWith(sign, i) && (!verbatim || type === inner));
    if (mark) {
      const [sign, type] = mark;
      if (inner === type) {
        const start = open.pop()!;
        if (text.length > start.offset)
          entities.push({ type, offset: start.offset, length: text.length - start.offset });
      } else {
        open.push({ type, offset: text.length, at: i });
      }
      i += sign.length;
      continue;
    }
    if (character === "[" && !verbatim) {
      open.push({ type: "text_link", offset: text.length, at: i });
      i += 1;
      continue;
    }
    if (character === "]" && inner === "text_link") {
      const url = /^\]\(((?:\\.|[^)\\])*)\)/.exec(source.slice(i));
      const start = open.pop()!;
      if (!url) throw cannot(`Can't find end of a URL at byte offset ${bytes(source.slice(0, i))}`);
      entities.push({
        type: "text_link",
        offset: start.offset,
        length: text.length - start.offset,
        url: url[1]!.replace(/\\(.)/g, "$1"),
      });
      i += url[0].length;
      continue;
    }
    if (
      !verbatim &&
      "_*[]()~`>#+-=|{}.!".includes(character) &&
      !(character === ">" && (i === 0 || source[i - 1] === "\n"))
    ) {
      throw cannot(`Character '${character}' is reserved and must be escaped with the preceding '\\'`);
    }
    if (!(character === ">" && !verbatim)) text += character;
    i += 1;
  }
  const left = open.at(-1);
  if (left)
    throw cannot(
      `Can't find end of ${NAMES[left.type] ?? "the"} entity at byte offset ${bytes(source.slice(0, left.at))}`,
    );
  return { text, entities: entities.sort((a, b) => a.offset - b.offset) };

  function fence(all: string, at: number): number {
    if (open.at(-1)?.type === "pre") {
      const start = open.pop()!;
      entities.push({ type: "pre", offset: start.offset, length: text.length - start.offset });
      return at + 3;
    }
    open.push({ type: "pre", offset: text.length, at });
    const language = /^```([^\s`]*)\n/.exec(all.slice(at));
    return at + (language ? language[0].length : 3);
  }
}

/** Text trimmed as Telegram does, entities moved along. */
export function trimmed({ text, entities }: Parsed): Parsed {
  const body = text.trim();
  const front = text.length - text.trimStart().length;
  const moved = entities
    .map((entity) => {
      const from = Math.max(0, entity.offset - front);
      const to = Math.min(body.length, entity.offset - front + entity.length);
      return { ...entity, offset: from, length: to - from };
    })
    .filter((entity) => entity.length > 0);
  return { text: body, entities: moved };
}
