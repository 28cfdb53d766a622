/**
 * Markdown → one tree, parsed once and rendered per platform.
 * Owns the link rule: what an agent writes can make no platform fetch anything. Images become text, addresses that are
 * not plain web or mail links become code. Must never throw: text that can't be parsed is shown as it is.
 */
import type { Root, RootContent, Text } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import { chunks } from "./chunks.ts";

/** Top-level blocks of a message. */
export type Blocks = RootContent[];

/** Deeper trees are shown as text. */
const MAX_DEPTH = 40;
/** Longer addresses are shown as code (Telegram drops longer `href`s). */
const MAX_URL = 2000;

/** Lines that nest deeper than anybody means: the parser takes the square of their depth. */
const ABYSS = /^(?:[ \t]*(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])){40}|^[ \t]{80,}(?:[-+*>]|\d{1,9}[.)])/m;

/** Parses Markdown (CommonMark + GFM) into blocks that every renderer can show. */
export function parseMarkdown(markdown: string): Blocks {
  return chunks(cleanText(markdown)).flatMap(parseChunk);
}

function parseChunk(text: string): Blocks {
  if (ABYSS.test(text)) return asParagraphs(text);
  let root: Root;
  try {
    root = fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  } catch {
    return asParagraphs(text);
  }
  if (deeperThan(root, MAX_DEPTH)) return asParagraphs(text);
  return new Normaliser(root).blocks();
}

/** Text as paragraphs, without any markup. */
export function asParagraphs(text: string): Blocks {
  return cleanText(text)
    .split(/\n{2,}/)
    .filter((piece) => piece.trim() !== "")
    .map((piece) => ({ type: "paragraph", children: [textNode(piece)] }));
}

/** Without control characters (NUL breaks platforms) and lone surrogates, with `\n` line ends. */
function cleanText(text: string): string {
  return (
    text
      .replace(/\r\n?/g, "\n")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/g, "")
      .toWellFormed()
  );
}

function textNode(value: string): Text {
  return { type: "text", value };
}

/** Iterative: the tree may be deeper than the stack. */
function deeperThan(root: Root, limit: number): boolean {
  const stack: { node: unknown; depth: number }[] = [{ node: root, depth: 0 }];
  while (stack.length > 0) {
    const top = stack.pop()!;
    if (top.depth > limit) return true;
    const { children } = top.node as { children?: unknown[] };
    if (children) for (const child of children) stack.push({ node: child, depth: top.depth + 1 });
  }
  return false;
}

type Loose = { type: string; children?: Loose[]; [key: string]: unknown };

/** Resolves references, drops definitions, and turns what platforms can't or mustn't show into text. */
class Normaliser {
  private readonly root: Root;
  private readonly targets = new Map<string, string>();
  private readonly footnotes: Loose[] = [];

  constructor(root: Root) {
    this.root = root;
    this.collect(root as unknown as Loose);
  }

  blocks(): Blocks {
    const body = this.children(this.root as unknown as Loose);
    const notes = this.footnotes.map((note) => this.footnote(note));
    return [...body, ...notes] as unknown as Blocks;
  }

  private collect(node: Loose): void {
    if (node.type === "definition") this.targets.set(String(node["identifier"]), String(node["url"]));
    if (node.type === "footnoteDefinition") this.footnotes.push(node);
    for (const child of node.children ?? []) this.collect(child);
  }

  private children(node: Loose): Loose[] {
    return (node.children ?? []).flatMap((child) => this.node(child));
  }

  private node(node: Loose): Loose[] {
    switch (node.type) {
      case "definition":
      case "footnoteDefinition":
        return [];
      case "html":
        return [literal(node)];
      case "image":
        return image(String(node["alt"] ?? ""), String(node["url"]));
      case "imageReference":
        return image(String(node["alt"] ?? ""), this.targets.get(String(node["identifier"])) ?? "");
      case "footnoteReference":
        return [{ type: "text", value: `[${String(node["label"] ?? node["identifier"])}]` }];
      case "link":
        return link(String(node["url"]), this.children(node));
      case "linkReference":
        return link(this.targets.get(String(node["identifier"])) ?? "", this.children(node));
      default: {
        const children = node.children ? { children: this.children(node) } : {};
        const out: Loose = { ...node, ...children };
        delete out["position"];
        return [out];
      }
    }
  }

  private footnote(note: Loose): Loose {
    const label: Loose = { type: "text", value: `[${String(note["label"] ?? note["identifier"])}] ` };
    const [first, ...rest] = this.children(note);
    if (first?.type === "paragraph") {
      const head = { ...first, children: [label, ...(first.children ?? [])] };
      return rest.length === 0 ? head : { type: "blockquote", children: [head, ...rest] };
    }
    return {
      type: "blockquote",
      children: [{ type: "paragraph", children: [label] }, ...(first ? [first] : []), ...rest],
    };
  }
}

/** Raw HTML is shown, never interpreted. A block of it keeps its lines as code. */
function literal(node: Loose): Loose {
  const value = String(node["value"]);
  return value.includes("\n") ? { type: "code", lang: "html", value } : { type: "text", value };
}

function image(alt: string, url: string): Loose[] {
  const name = alt.trim() === "" ? "[image] " : `[image: ${alt.trim()}] `;
  return [
    { type: "text", value: name },
    ...(url === "" ? [] : [{ type: "inlineCode", value: url } as Loose]),
  ];
}

function link(url: string, children: Loose[]): Loose[] {
  if (isShowableLink(url)) return children.length === 0 ? [] : [{ type: "link", url, children }];
  if (url === "" || url === plain(children)) return children;
  return [...children, { type: "text", value: " " }, { type: "inlineCode", value: url }];
}

/** Whether an address may be a link: web or mail, absolute, no user name in it, of bearable length. */
export function isShowableLink(url: string): boolean {
  if (url.length > MAX_URL || !/^(?:https?:\/\/|mailto:)/i.test(url)) return false;
  try {
    const parsed = new URL(url);
    return parsed.username === "" && parsed.password === "";
  } catch {
    return false;
  }
}

function plain(nodes: Loose[]): string {
  return nodes
    .map((node) => (typeof node["value"] === "string" ? node["value"] : plain(node.children ?? [])))
    .join("");
}
