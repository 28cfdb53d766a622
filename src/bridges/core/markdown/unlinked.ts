/**
 * Blocks in which nothing is a link, and nothing looks like an address to a client that makes links by itself: for places
 * where link previews can't be switched off. Addresses stand in code, which no platform turns into a link. Pure.
 */
import type { PhrasingContent } from "mdast";
import type { Blocks } from "./parse.ts";

/**
 * What clients take for an address without a scheme: letters, a dot and at least two more (`evil.example/x`), also with a
 * scheme or behind an `@`. Too much is harmless: it only stands in code.
 */
const ADDRESS =
  /(?:[a-z][a-z0-9+.-]*:\/\/\S+)|(?:[\p{L}\p{N}_@-]+(?:\.[\p{L}\p{N}_-]+)*\.[\p{L}]{2,}(?:[:/?#]\S*)?)/giu;

/** Blocks without links and addresses. */
export function unlinked(blocks: Blocks): Blocks {
  return blocks.map((block) => plainer(block)[0] as Blocks[number]);
}

type Loose = { type: string; value?: string; url?: string; children?: Loose[] };

function plainer(node: unknown): unknown[] {
  const loose = node as Loose;
  if (loose.type === "text") return withCode(loose.value ?? "");
  const children = loose.children?.flatMap(plainer) as Loose[] | undefined;
  if (loose.type !== "link") return [children ? { ...loose, children } : loose];
  const shown = children ?? [];
  const url = loose.url ?? "";
  // Its text was the address itself, and is code by now.
  if (shown.length === 1 && shown[0]?.type === "inlineCode") return shown;
  return [...shown, { type: "text", value: " " }, { type: "inlineCode", value: url }];
}

function withCode(value: string): PhrasingContent[] {
  const parts: PhrasingContent[] = [];
  let from = 0;
  for (const match of value.matchAll(ADDRESS)) {
    if (match.index > from) parts.push({ type: "text", value: value.slice(from, match.index) });
    parts.push({ type: "inlineCode", value: match[0] });
    from = match.index + match[0].length;
  }
  if (from < value.length || parts.length === 0) parts.push({ type: "text", value: value.slice(from) });
  return parts;
}
