/**
 * Blocks → Discord Markdown. Pure.
 * Every text is escaped: nothing that an agent wrote becomes a mention, a link or a mark by accident. A tree that was
 * split renders to complete markup: fences are closed, marks are balanced. Links always show their real host.
 */
import type { List, ListItem, PhrasingContent, RootContent, Table } from "mdast";
import { type Blocks, listMarker, plainInline, tableLines } from "../core/index.ts";
import { codeFence, codeSpan, escapeLines, escapeText, joined, linkTarget, within } from "./marks.ts";

/** Wider tables don't fit a phone in a fixed-width font: they are shown row by row. */
const MAX_TABLE_WIDTH = 42;

/** Blocks as Discord Markdown. */
export function renderMarkdown(blocks: Blocks): string {
  return blocks.map((block) => renderBlock(block, false)).join("\n\n");
}

/** Length in UTF-16 units, never less than what Discord counts (characters). */
export function measureMarkdown(blocks: Blocks): number {
  return renderMarkdown(blocks).length;
}

/** `inner`: within a list or quotation, where headings are no headings. */
function renderBlock(node: RootContent, inner: boolean): string {
  switch (node.type) {
    case "paragraph":
      return escapeLines(renderInline(node.children));
    case "heading":
      return renderHeading(renderInline(node.children), inner ? 4 : node.depth);
    case "code":
      return codeFence(node.value, node.lang ?? "");
    case "blockquote":
      return renderQuote(node.children);
    case "list":
      return renderList(node, "");
    case "table":
      return renderTable(node);
    case "thematicBreak":
      return "———";
    default:
      return escapeLines(renderInline([node as PhrasingContent]));
  }
}

/** Discord knows three levels; deeper ones are bold lines. */
function renderHeading(text: string, depth: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (line === "") return "";
  return depth <= 3 ? `${"#".repeat(depth)} ${line}` : within("**", escapeLines(line));
}

/** Quotations don't nest on Discord, and a fence within one would show the quotation's signs: it stands alone. */
function renderQuote(children: RootContent[]): string {
  return children
    .map((child) => {
      if (child.type === "code") return renderBlock(child, true);
      if (child.type === "blockquote") return renderQuote(child.children);
      return renderBlock(child, true)
        .split("\n")
        .map((line) => (line === "" ? "> \u200b" : `> ${line}`))
        .join("\n");
    })
    .join("\n");
}

function renderList(list: List, indent: string): string {
  return list.children
    .map((item, index) => renderItem(item, markerOf(list, item, index), indent))
    .join(list.spread ? "\n\n" : "\n");
}

function markerOf(list: List, item: ListItem, index: number): string {
  const marker = listMarker(list, item, index);
  if (/^\s*$/.test(marker) || /^\d/.test(marker)) return marker;
  return marker.startsWith("•") ? "- " : `- ${marker}`;
}

function renderItem(item: ListItem, marker: string, indent: string): string {
  const inner = `${indent}${" ".repeat(/^\d/.test(marker) ? 3 : 2)}`;
  const body = item.children.map((child, index) => {
    if (child.type === "list") return `\n${renderList(child, inner)}`;
    const text = renderBlock(child, true);
    // Lines of a fence are shown as they are: no indentation.
    if (child.type === "code" || (child.type === "table" && text.startsWith("```"))) return `\n${text}\n`;
    const lines = text.replaceAll("\n", `\n${inner}`);
    return index === 0 ? lines : `\n${inner}${lines}`;
  });
  const text = body.join("").replace(/\n{2,}(?=\s*(?:-|\d+\.) )/g, "\n");
  // A mark with nothing behind it is shown as it is written.
  const something = text.trim() === "" || text.startsWith("\n") ? "\u200b" : "";
  return `${indent}${marker}${something}${text.replace(/\n$/, "")}`;
}

function renderTable(table: Table): string {
  const lines = tableLines(table, MAX_TABLE_WIDTH);
  return lines ? codeFence(lines.join("\n"), "") : renderRecords(table);
}

/** A wide table, readable on a phone: each row as a list of "column: value". */
function renderRecords(table: Table): string {
  const [header, ...rows] = table.children;
  const oneLine = (nodes: PhrasingContent[]) => renderInline(nodes).replace(/\s*\n\s*/g, " ");
  const names = header?.children.map((cell) => oneLine(cell.children)) ?? [];
  if (rows.length === 0) return names.map((name) => within("**", name)).join(" · ");
  return rows
    .map((row) =>
      row.children
        .map((cell, i) => ({ name: names[i] ?? "", value: oneLine(cell.children) }))
        .filter(({ value }) => value !== "")
        .map(
          ({ name, value }, i) =>
            `${i === 0 ? "▪️ " : "\u2002 "}${name === "" ? "" : `${within("**", name)}: `}${value}`,
        )
        .join("\n"),
    )
    .join("\n");
}

function renderInline(nodes: PhrasingContent[]): string {
  return nodes.map(renderPhrase).reduce(joined, "");
}

function renderPhrase(node: PhrasingContent): string {
  switch (node.type) {
    case "text":
    case "html":
      return escapeText(node.value);
    case "strong":
      return within("**", renderInline(node.children));
    case "emphasis":
      return within("*", renderInline(node.children));
    case "delete":
      return within("~~", renderInline(node.children));
    case "inlineCode":
      return codeSpan(node.value);
    case "link":
      return renderLink(node.url, plainInline(node.children));
    case "break":
      return "\n";
    default:
      return "";
  }
}

/** The host that a press leads to stands there in plain sight, whatever the text claims. */
function renderLink(url: string, text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (url.toLowerCase().startsWith("mailto:")) {
    const address = url.slice(7);
    return line === address || line === url ? escapeText(line) : `${escapeText(line)} (${codeSpan(address)})`;
  }
  const target = linkTarget(url);
  if (line === url || line === "") return `<${target}>`;
  return `[${escapeText(line)}](<${target}>) (${codeSpan(new URL(url).host)})`;
}
