/** What the screen is drawn with: toned text, lines that never wrap, boxes with a title. React elements without JSX. */
import { Box, Text } from "ink";
import { createElement as h, type ReactElement, type ReactNode } from "react";
import type { Tone } from "./rows.ts";

/** How a tone looks: colours by name, so that the terminal's own theme holds. */
const PAINT: Readonly<Record<Tone, { color?: string; dimColor?: boolean }>> = {
  ...{ good: { color: "green" }, bad: { color: "red" }, warn: { color: "yellow" } },
  ...{ dim: { dimColor: true }, plain: {} },
};

/** One line of text that never wraps. */
export function line(key: string | number, ...children: ReactNode[]): ReactElement {
  return h(Text, { key, wrap: "truncate-end" }, ...children);
}

/** Text in a tone. */
export const toned = (text: string, tone: Tone, key: number | string = text) =>
  h(Text, { key, ...PAINT[tone] }, text);

/** A box: its title, its size with borders, its lines. */
export interface FrameProps {
  title: string;
  width: number;
  height: number;
  /** Colour of the border; without one it is grey. */
  color?: string;
  children: readonly ReactElement[];
}

/** A box with its title in the upper border; children are lines, as many as fit. */
export function frame({ title, width, height, color, children }: FrameProps): ReactElement {
  const name = title.slice(0, Math.max(0, width - 5));
  const border = color === undefined ? { dimColor: true } : { color };
  const sides = color === undefined ? { borderDimColor: true } : { borderColor: color };
  return h(
    Box,
    { flexDirection: "column", width, height },
    line(
      "title",
      h(Text, { key: "left", ...border }, "╭─ "),
      h(Text, { key: "name", bold: color !== undefined, ...(color ? { color } : {}) }, name),
      h(Text, { key: "right", ...border }, ` ${"─".repeat(Math.max(0, width - name.length - 5))}╮`),
    ),
    h(
      Box,
      {
        ...{ flexDirection: "column", width, height: height - 1, borderStyle: "round", borderTop: false },
        ...{ ...sides, paddingX: 1, overflow: "hidden" },
      },
      ...children.slice(0, height - 2),
    ),
  );
}
