/**
 * Blocks → bare text: what is sent when a platform refuses our markup, and what splitting is checked against.
 * Pure. Must never lose a word.
 */
import type { List, ListItem, Nodes, PhrasingContent, Table } from "mdast";
import type { Blocks } from "./parse.ts";

/** The text of blocks, with the least marks that keep it readable. */
export function plainText(blocks: Blocks): string {
  return blocks.map((block) => plainBlock(block, "")).join("\n\n");
}

function plainBlock(node: Nodes, indent: string): string {
  switch (node.type) {
    case "paragraph":
    case "heading":
      return plainInline(node.children);
    case "code":
      return node.value;
    case "thematicBreak":
      return "———";
    case "blockquote":
      return node.children
        .map((child) => plainBlock(child, indent))
        .join("\n")
        .split("\n")
        .map((line) => `> ${line}`)
        .join("\n");
    case "list":
      return plainList(node, indent);
    case "table":
      return plainTable(node);
    default:
      return plainInline([node as PhrasingContent]);
  }
}

function plainList(list: List, indent: string): string {
  return list.children
    .map((item, index) => plainItem(item, listMarker(list, item, index), indent))
    .join("\n");
}

function plainItem(item: ListItem, marker: string, indent: string): string {
  const inner = `${indent}  `;
  const body = item.children.map((child) => plainBlock(child, inner)).join("\n");
  return `${indent}${marker}${body}`;
}

function plainTable(table: Table): string {
  return table.children
    .map((row) => row.children.map((cell) => plainInline(cell.children)).join(" | "))
    .join("\n");
}

/** The text of inline nodes; a link whose text is not its address is followed by the address. */
export function plainInline(nodes: PhrasingContent[]): string {
  return nodes.map(plainPhrase).join("");
}

function plainPhrase(node: PhrasingContent): string {
  switch (node.type) {
    case "text":
    case "inlineCode":
    case "html":
      return node.value;
    case "break":
      return "\n";
    case "link": {
      const text = plainInline(node.children);
      return text === node.url || `mailto:${text}` === node.url ? text : `${text} (${node.url})`;
    }
    case "emphasis":
    case "strong":
    case "delete":
      return plainInline(node.children);
    default:
      return "";
  }
}

/** `• `, `3. `, `☑ `; an item that continues one of the message before has none (set by splitting). */
export function listMarker(list: List, item: ListItem, index: number): string {
  if ((item.data as { continued?: boolean } | undefined)?.continued) return "  ";
  const number = list.ordered ? `${(list.start ?? 1) + index}. ` : "";
  if (typeof item.checked === "boolean") return `${number}${item.checked ? "☑" : "☐"} `;
  return number || "• ";
}
