/**
 * A table as lines of a fixed-width font. Pure. What is too wide for a phone is no such table: platforms show it row by row.
 */
import type { Table } from "mdast";
import { plainInline } from "./plain.ts";

/** The table's lines, or undefined when they would be wider than `most` columns. */
export function tableLines(table: Table, most: number): string[] | undefined {
  const rows = table.children.map((row) =>
    row.children.map((cell) => plainInline(cell.children).replace(/\s+/g, " ")),
  );
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(1, ...rows.map((row) => width(row[i] ?? ""))),
  );
  const total = widths.reduce((sum, w) => sum + w, 0) + 3 * (columns - 1);
  if (total > most) return undefined;
  const line = (row: string[]) =>
    widths.map((w, i) => pad(row[i] ?? "", w, table.align?.[i] ?? null)).join(" │ ");
  const [header = [], ...body] = rows;
  const rule = widths.map((w) => "─".repeat(w)).join("─┼─");
  return [line(header), rule, ...body.map(line)].map((text) => text.trimEnd());
}

/** Columns that a text takes in a fixed-width font: wide East Asian letters and emoji take two. */
function width(text: string): number {
  let columns = 0;
  for (const character of text)
    columns +=
      /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u.test(
        character,
      )
        ? 2
        : 1;
  return columns;
}

function pad(text: string, to: number, align: "left" | "right" | "center" | null): string {
  const space = Math.max(0, to - width(text));
  if (align === "right") return " ".repeat(space) + text;
  if (align === "center") return " ".repeat(space >> 1) + text + " ".repeat(space - (space >> 1));
  return text + " ".repeat(space);
}
