/**
 * What a preview shows: the answer so far, cut to one message, and one status line under it. Pure.
 * Must never exceed the platform's limit: of a long answer the end is shown, since that is where it grows.
 */
import type { PhrasingContent } from "mdast";
import { withoutMark, withoutMarkIn } from "./cards/marker.ts";
import { type Words, wordsOf } from "./catalogue.ts";
import { judgedLinks, NO_HOSTS } from "./markdown/links.ts";
import { asParagraphs, type Blocks, parseMarkdown } from "./markdown/parse.ts";
import type { BridgePlatform, Content } from "./port.ts";
import { splitBlocks } from "./split.ts";
import { duration } from "./status-text.ts";

/** Room for the status line and the sign of more text above. */
const RESERVED = 200;
/** Longer texts are cut before parsing: a preview is made each second. */
const PARSED_TAIL = 12_000;

/** The preview's content. `status` is `waking`, a tool line of the agent, or empty; `elapsedMs` 0 says nothing. */
export function draftContent(
  text: string,
  status: string,
  platform: Pick<BridgePlatform, "limits" | "measure">,
  language?: string,
  elapsedMs = 0,
): Content {
  const tail = text.length > PARSED_TAIL ? text.slice(-PARSED_TAIL) : text;
  // A preview is gone in a moment: nothing in it is a link.
  const parsed = judgedLinks(parseMarkdown(tail), NO_HOSTS);
  const parts = splitBlocks(parsed, platform.limits.textUnits - RESERVED, platform.measure);
  const shown: Blocks = parts.at(-1) ?? [];
  const cut = parts.length > 1 || tail !== text;
  const blocks: Blocks = [
    ...(cut ? parseMarkdown("…") : []),
    ...shown,
    ...statusBlocks(wordsOf(language), status, elapsedMs),
  ];
  return {
    kind: "draft",
    // Whatever an agent writes, it is no approval card.
    blocks: blocks.length > 0 ? withoutMarkIn(blocks) : parseMarkdown("…"),
    source: withoutMark(text),
  };
}

/** One line: what the agent does, and for how long it has been at it. */
function statusBlocks(say: Words, status: string, elapsedMs: number): Blocks {
  const elapsed = elapsedMs > 0 ? `⏱ ${duration(elapsedMs, say.language)}` : "";
  const doing =
    status === "waking" ? [{ type: "text" as const, value: say.phrase("waking") }] : toolNodes(status);
  const parts: PhrasingContent[][] = [doing, elapsed === "" ? [] : [{ type: "text", value: elapsed }]];
  const children = parts
    .filter((part) => part.length > 0)
    .flatMap((part, i): PhrasingContent[] => (i === 0 ? part : [{ type: "text", value: " · " }, ...part]));
  return children.length === 0 ? [] : [{ type: "paragraph", children }];
}

/** A tool's name and arguments come from the sandbox and never become markup or links. */
function toolNodes(status: string): PhrasingContent[] {
  const [line] = asParagraphs(status.replace(/\s+/g, " ").trim().slice(0, 120));
  if (line?.type !== "paragraph") return [];
  return [
    { type: "text", value: "⚙️ " },
    { type: "emphasis", children: line.children },
  ];
}
