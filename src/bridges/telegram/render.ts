/**
 * Blocks → Telegram HTML (Bot API "HTML style"). Pure.
 * Must only ever produce balanced tags of Telegram's own list, with every text escaped: a tree that was split renders
 * to markup that Telegram accepts.
 */
import type { Link, List, ListItem, PhrasingContent, RootContent, Table } from "mdast";
import { type Blocks, listMarker, plainInline, tableLines } from "../core/index.ts";

/** Wider tables don't fit a phone in a fixed-width font: they are shown row by row. */
const MAX_TABLE_WIDTH = 42;

/** Blocks as Telegram HTML. */
export function renderHtml(blocks: Blocks): string {
  return blocks.map((block) => renderBlock(block, { quoted: false })).join("\n\n");
}

/** Visible length in UTF-16 units, never less than what Telegram counts. */
export function measureHtml(blocks: Blocks): number {
  return visibleText(renderHtml(blocks)).length;
}

/** Text of our own HTML after entity parsing. */
export function visibleText(html: string): string {
  return html
    .replace(/<[^>]*>/g, "")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&");
}

/** The only four characters with a meaning in Telegram HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

interface Context {
  /** Within a quotation: Telegram's can't be nested. */
  quoted: boolean;
}

function renderBlock(node: RootContent, context: Context): string {
  switch (node.type) {
    case "paragraph":
      return renderInline(node.children);
    case "heading":
      return node.depth <= 1
        ? `<b><u>${renderInline(node.children)}</u></b>`
        : `<b>${renderInline(node.children)}</b>`;
    case "code":
      return renderCode(node.value, node.lang ?? "");
    case "blockquote": {
      const inner = node.children.map((child) => renderBlock(child, { quoted: true })).join("\n\n");
      return context.quoted ? inner : `<blockquote>${inner}</blockquote>`;
    }
    case "list":
      return renderList(node, "", context);
    case "table":
      return renderTable(node);
    case "thematicBreak":
      return "———";
    default:
      return renderInline([node as PhrasingContent]);
  }
}

function renderCode(value: string, lang: string): string {
  const name = /^[A-Za-z0-9+#_.-]{1,32}$/.test(lang) ? lang : "";
  const body = escapeHtml(value);
  return name === "" ? `<pre>${body}</pre>` : `<pre><code class="language-${name}">${body}</code></pre>`;
}

function renderList(list: List, indent: string, context: Context): string {
  return list.children
    .map((item, index) => renderItem(item, listMarker(list, item, index), indent, context))
    .join(list.spread ? "\n\n" : "\n");
}

function renderItem(item: ListItem, marker: string, indent: string, context: Context): string {
  const inner = `${indent}   `;
  const body = item.children.map((child, index) => {
    if (child.type === "list") return `\n${renderList(child, inner, context)}`;
    const text = renderBlock(child, context);
    if (index === 0) return text;
    return child.type === "code" || child.type === "blockquote" ? `\n${text}` : `\n${inner}${text}`;
  });
  return `${indent}${marker}${body.join("").replace(/^\n/, "")}`;
}

function renderTable(table: Table): string {
  const lines = tableLines(table, MAX_TABLE_WIDTH);
  return lines ? `<pre>${escapeHtml(lines.join("\n"))}</pre>` : renderRecords(table);
}

/** A wide table, readable on a phone: each row as a list of "column: value". */
function renderRecords(table: Table): string {
  const [header, ...rows] = table.children;
  const names = header?.children.map((cell) => renderInline(cell.children)) ?? [];
  if (rows.length === 0) return names.map((name) => `<b>${name}</b>`).join(" · ");
  return rows
    .map((row) =>
      row.children
        .map((cell, i) => ({ name: names[i] ?? "", value: renderInline(cell.children) }))
        .filter(({ value }) => value !== "")
        .map(
          ({ name, value }, i) => `${i === 0 ? "▪️ " : "   "}${name === "" ? "" : `<b>${name}</b>: `}${value}`,
        )
        .join("\n"),
    )
    .join("\n");
}

function renderInline(nodes: PhrasingContent[]): string {
  return nodes.map(renderPhrase).join("");
}

function renderPhrase(node: PhrasingContent): string {
  switch (node.type) {
    case "text":
    case "html":
      return escapeHtml(node.value);
    case "strong":
      return `<b>${renderInline(node.children)}</b>`;
    case "emphasis":
      return `<i>${renderInline(node.children)}</i>`;
    case "delete":
      return `<s>${renderInline(node.children)}</s>`;
    case "inlineCode":
      return `<code>${escapeHtml(node.value)}</code>`;
    case "link":
      return renderLink(node);
    case "break":
      return "\n";
    default:
      return "";
  }
}

/** The host that a press leads to stands there in plain sight, whatever the text claims. */
function renderLink(node: Link): string {
  const anchor = `<a href="${escapeHtml(node.url)}">${renderInline(node.children)}</a>`;
  const text = plainInline(node.children).trim();
  const bare = (address: string) => address.replace(/^(?:https?:\/\/|mailto:)|\/$/gi, "");
  if (bare(text) === bare(node.url) || node.url.startsWith("mailto:")) return anchor;
  return `${anchor} (<code>${escapeHtml(new URL(node.url).host)}</code>)`;
}
