/**
 * Puts the router's own values into a request without touching any other byte, so that a vendor's prompt cache sees
 * exactly what the agent wrote. Must only be used on a body that `json-outline.ts` accepted.
 */
import type { Outline } from "./json-outline.ts";

/** New value of a top-level member (added when absent); `rename` gives the member another key. */
export type Edit = { key: string; value: unknown } | { key: string; rename: string };

/** The body with all edits applied. */
export function spliced(body: Buffer, outline: Outline, edits: Edit[]): Buffer {
  const cuts: { start: number; end: number; text: string }[] = [];
  let inserted = "";
  for (const edit of edits) {
    const field = outline.fields.get(edit.key);
    if ("rename" in edit) {
      if (field) cuts.push({ start: field.keyStart, end: field.keyEnd, text: JSON.stringify(edit.rename) });
    } else if (field) {
      cuts.push({ start: field.start, end: field.end, text: JSON.stringify(edit.value) });
    } else {
      inserted += `${JSON.stringify(edit.key)}:${JSON.stringify(edit.value)},`;
    }
  }
  if (inserted) {
    const text = outline.fields.size > 0 ? inserted : inserted.slice(0, -1);
    cuts.push({ start: outline.inside, end: outline.inside, text });
  }
  cuts.sort((a, b) => a.start - b.start);
  const parts: Buffer[] = [];
  let at = 0;
  for (const cut of cuts) {
    parts.push(body.subarray(at, cut.start), Buffer.from(cut.text));
    at = cut.end;
  }
  parts.push(body.subarray(at));
  return Buffer.concat(parts);
}
