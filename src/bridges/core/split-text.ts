/**
 * Cuts inline content and bare text at line, sentence, word or grapheme borders. Pure.
 * Must never cut within a surrogate pair, and within a grapheme only when that alone is longer than a message.
 */
import type { PhrasingContent } from "mdast";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * Where to cut `text` so that at most `room` units stay in front; 0 when nothing may.
 * Without `midWord` a word is never cut.
 */
export function cutIndex(text: string, room: number, midWord = true): number {
  if (room >= text.length) return text.length;
  const window = text.slice(0, room);
  // A border in the first half would waste the message.
  const half = room >> 1;
  const line = window.lastIndexOf("\n") + 1;
  if (line > half) return line;
  const sentence = /^[\s\S]*[.!?…。！？](?=\s)/.exec(text.slice(0, room + 1))?.[0].length ?? 0;
  if (sentence > half) return sentence;
  const space = Math.max(window.lastIndexOf(" "), window.lastIndexOf("\t"), line - 1) + 1;
  if (/\s/.test(text[room] ?? "")) return room;
  if (space > 0) return space;
  if (!midWord) return 0;
  return graphemeBorder(text, room);
}

function graphemeBorder(text: string, at: number): number {
  const from = Math.max(0, at - 1000);
  const segment = graphemes.segment(text.slice(from, at + 200)).containing(at - from);
  const border = segment === undefined ? at : from + segment.index;
  if (border > 0) return border;
  return isLowSurrogate(text.charCodeAt(at)) ? at - 1 : at;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

type Cut = { head: PhrasingContent[]; tail: PhrasingContent[] } | undefined;

/** Cuts inline nodes: whole nodes first, then within the next one where that is possible. */
export function cutInline(
  nodes: PhrasingContent[],
  fits: (head: PhrasingContent[]) => boolean,
  midWord = true,
): Cut {
  const count = largest(nodes.length, (n) => fits(nodes.slice(0, n)));
  const whole = nodes.slice(0, count);
  const next = nodes[count];
  if (!next) return undefined;
  const rest = nodes.slice(count + 1);
  // Before a word rather than within it, where that makes a part at all.
  const cut = cutPhrase(next, (head) => fits([...whole, head]), midWord && count === 0);
  if (cut) return { head: [...whole, cut.head], tail: [cut.tail, ...rest] };
  return count === 0 ? undefined : { head: whole, tail: nodes.slice(count) };
}

function cutPhrase(
  node: PhrasingContent,
  fits: (head: PhrasingContent) => boolean,
  midWord: boolean,
): { head: PhrasingContent; tail: PhrasingContent } | undefined {
  switch (node.type) {
    case "text":
    case "inlineCode": {
      const room = largest(node.value.length, (n) => fits({ ...node, value: node.value.slice(0, n) }));
      const at = room === 0 ? 0 : cutIndex(node.value, room, midWord);
      if (at === 0 || at === node.value.length) return undefined;
      return {
        head: { ...node, value: node.value.slice(0, at) },
        tail: { ...node, value: node.value.slice(at) },
      };
    }
    case "emphasis":
    case "strong":
    case "delete":
    case "link": {
      const cut = cutInline(
        node.children,
        (children) => fits({ ...node, children } as PhrasingContent),
        midWord,
      );
      return (
        cut && {
          head: { ...node, children: cut.head } as PhrasingContent,
          tail: { ...node, children: cut.tail } as PhrasingContent,
        }
      );
    }
    default:
      return undefined;
  }
}

/** The largest n ≤ max for which `fits(n)`, or 0. Doubles first: what fits is short even when the whole is long. */
export function largest(max: number, fits: (n: number) => boolean): number {
  let good = 0;
  let step = 1;
  while (step <= max && fits(step)) {
    good = step;
    step *= 2;
  }
  let bad = Math.min(step, max + 1);
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (fits(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
