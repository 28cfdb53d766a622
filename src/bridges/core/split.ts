/**
 * Cuts an answer into messages at paragraph, list-item, row, code-line and word borders.
 * Works on the tree, so that each part is a complete tree of its own: fences are reopened, no markup is ever broken.
 * Pure; must never lose a character but the white space at a cut.
 */
import type { Code, List, ListItem, RootContent, Table } from "mdast";
import type { Blocks } from "./markdown/parse.ts";
import { asParagraphs } from "./markdown/parse.ts";
import { plainText } from "./markdown/plain.ts";
import { cutIndex, cutInline, largest } from "./split-text.ts";

/** Visible length of blocks on a platform. */
export type Measure = (blocks: Blocks) => number;

/** A head that fits and what is left of a block. */
type Cut<T> = { head: T; tail: T } | undefined;
type Fits<T> = (candidate: T) => boolean;

/** Parts of at most `limit` units each, in order. No blocks give no parts. */
export function splitBlocks(blocks: Blocks, limit: number, measure: Measure): Blocks[] {
  const fits = (some: Blocks) => !farLonger(some, 3 * limit) && measure(some) <= limit;
  const parts: Blocks[] = [];
  const queue = [...blocks];
  let current: Blocks = [];
  const flush = () => {
    if (current.length > 0) parts.push(current);
    current = [];
  };
  while (queue.length > 0) {
    const block = queue.shift()!;
    if (fits([...current, block])) {
      current.push(block);
      continue;
    }
    // A block that fits into a message of its own is kept whole.
    if (current.length > 0 && fits([block])) {
      flush();
      queue.unshift(block);
      continue;
    }
    const before = current;
    const cut = cutBlock(block, (head) => fits([...before, head]));
    if (cut) {
      current.push(cut.head);
      flush();
      queue.unshift(cut.tail);
    } else if (current.length > 0) {
      flush();
      queue.unshift(block);
    } else {
      // Marks alone exceed the limit: its text can always be cut.
      queue.unshift(...bareText(block, limit));
    }
  }
  flush();
  // White space alone is no message: platforms refuse it.
  return parts.filter((part) => plainText(part).trim() !== "");
}

/** Whether there is more text than `most`, found without rendering: what is left of a very long answer is asked again and again. */
function farLonger(blocks: Blocks, most: number): boolean {
  let length = 0;
  const stack: unknown[] = [...blocks];
  while (stack.length > 0 && length <= most) {
    const { value, children } = stack.pop() as { value?: string; children?: unknown[] };
    length += value?.length ?? 0;
    // Not spread: a paragraph may have more children than a call may have arguments.
    for (const child of children ?? []) stack.push(child);
  }
  return length > most;
}

function bareText(block: RootContent, limit: number): Blocks {
  const text = plainText([block]);
  const size = Math.max(1, Math.floor(limit / 4));
  const pieces: Blocks = [];
  for (let from = 0; from < text.length; ) {
    const length = cutIndex(text.slice(from), Math.min(size, text.length - from)) || text.length - from;
    pieces.push(...asParagraphs(text.slice(from, from + length)));
    from += length;
  }
  return pieces;
}

function cutBlock(node: RootContent, fits: Fits<RootContent>): Cut<RootContent> {
  switch (node.type) {
    case "paragraph":
    case "heading": {
      const cut = cutInline(node.children, (children) => fits({ ...node, children }));
      return cut && { head: { ...node, children: cut.head }, tail: { ...node, children: cut.tail } };
    }
    case "code":
      return cutCode(node, fits);
    case "list":
      return cutList(node, fits);
    case "blockquote": {
      const cut = cutChildren(node.children, (children) => fits({ ...node, children }));
      return cut && { head: { ...node, children: cut.head }, tail: { ...node, children: cut.tail } };
    }
    case "table":
      return cutTable(node, fits);
    default: {
      // Inline content at block level (HTML shown as text).
      const cut = cutInline([node as never], (children) => fits({ type: "paragraph", children }));
      return (
        cut && {
          head: { type: "paragraph", children: cut.head },
          tail: { type: "paragraph", children: cut.tail },
        }
      );
    }
  }
}

function cutCode(node: Code, fits: Fits<RootContent>): Cut<RootContent> {
  const lines = node.value.split("\n");
  const count = largest(lines.length - 1, (n) => fits({ ...node, value: lines.slice(0, n).join("\n") }));
  if (count > 0) {
    return {
      head: { ...node, value: lines.slice(0, count).join("\n") },
      tail: { ...node, value: lines.slice(count).join("\n") },
    };
  }
  const first = lines[0] ?? "";
  const room = largest(first.length, (n) => fits({ ...node, value: first.slice(0, n) }));
  const at = room === 0 ? 0 : cutIndex(first, room);
  if (at === 0) return undefined;
  return {
    head: { ...node, value: node.value.slice(0, at) },
    tail: { ...node, value: node.value.slice(at) },
  };
}

function cutList(node: List, fits: Fits<RootContent>): Cut<RootContent> {
  const items = node.children;
  const count = largest(items.length - 1, (n) => fits({ ...node, children: items.slice(0, n) }));
  if (count > 0) {
    return {
      head: { ...node, children: items.slice(0, count) },
      tail: listTail(node, items.slice(count), count),
    };
  }
  const [first, ...rest] = items;
  if (!first) return undefined;
  const withChildren = (children: ListItem["children"]): ListItem => ({ ...first, children });
  const cut = cutChildren(first.children, (children) =>
    fits({ ...node, children: [withChildren(children)] }),
  );
  if (!cut) return undefined;
  const continued = { ...withChildren(cut.tail), data: { continued: true } } as ListItem;
  return {
    head: { ...node, children: [withChildren(cut.head)] },
    tail: listTail(node, [continued, ...rest], 0),
  };
}

function listTail(node: List, children: ListItem[], taken: number): List {
  return node.ordered ? { ...node, children, start: (node.start ?? 1) + taken } : { ...node, children };
}

function cutTable(node: Table, fits: Fits<RootContent>): Cut<RootContent> {
  const [header, ...rows] = node.children;
  if (!header) return undefined;
  const count = largest(rows.length - 1, (n) => fits({ ...node, children: [header, ...rows.slice(0, n)] }));
  if (count === 0) return undefined;
  return {
    head: { ...node, children: [header, ...rows.slice(0, count)] },
    tail: { ...node, children: [header, ...rows.slice(count)] },
  };
}

/** Whole children first, then a cut within the next one. */
function cutChildren<T extends RootContent>(children: T[], fits: Fits<T[]>): Cut<T[]> {
  const count = largest(children.length - 1, (n) => fits(children.slice(0, n)));
  if (count > 0) return { head: children.slice(0, count), tail: children.slice(count) };
  const [first, ...rest] = children;
  if (!first) return undefined;
  const cut = cutBlock(first, (head) => fits([head as T]));
  return cut && { head: [cut.head as T], tail: [cut.tail as T, ...rest] };
}
