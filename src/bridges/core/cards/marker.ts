/**
 * The sign that stands at the head of every approval card, and nowhere else.
 * Must be taken out of everything that an agent writes before it is shown: then no answer, draft or status line can look
 * like a card (DESIGN §6). Taken out of the tree, since a parser also makes it from `&#x1F6E1;`.
 */
import type { Blocks } from "../markdown/parse.ts";

/** U+1F6E1 SHIELD, with the selector that makes clients draw it in colour. */
export const CARD_MARK = "\u{1F6E1}\uFE0F";

/** The shield and its look-alike, each with whatever selectors and joiners follow. */
const MARKS = /[\u{1F6E1}\u26E8][\uFE0E\uFE0F\u200D]*/gu;
const INSTEAD = "[shield]";

/** A text without the sign. */
export function withoutMark(text: string): string {
  return text.replace(MARKS, INSTEAD);
}

/** Blocks without the sign, wherever text stands in them. */
export function withoutMarkIn(blocks: Blocks): Blocks {
  return blocks.map((block) => strip(block) as Blocks[number]);
}

function strip(value: unknown): unknown {
  if (typeof value === "string") return withoutMark(value);
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, strip(inner)]));
}
