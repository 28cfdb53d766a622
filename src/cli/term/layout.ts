/** How much room each part of the screen gets, in characters. Pure. */
import { PANES, type Pane } from "./state.ts";

/** A pane's place: its width and height with borders. */
export interface Place {
  readonly pane: Pane;
  readonly width: number;
  readonly height: number;
}

/** The parts of the screen. Columns stand side by side, panes of a column one below the other. */
export interface Layout {
  /** Too small for anything but a sentence. */
  readonly tiny: boolean;
  readonly columns: readonly (readonly Place[])[];
  /** Room between header and footer, without the question. */
  readonly body: number;
  /** Lines of the question box; 0 without one. `borders`: whether two of them are its borders. */
  readonly question: number;
  readonly borders: boolean;
}

/** Narrower, and panes stand one below the other. */
const WIDE = 76;
/** Lower, and only one pane is shown. */
const TALL = 20;
/** Shares of the height. */
const LEFT: readonly [Pane, number][] = [
  ["sandboxes", 1],
  ["approvals", 1],
];
const RIGHT: readonly [Pane, number][] = [
  ["requests", 4],
  ["files", 3],
  ["inference", 3],
];

/** The layout of a screen. `asking`: there is a question. */
export function layoutOf(width: number, height: number, asking: boolean, focus: Pane): Layout {
  if (width < 30 || height < 8) return { tiny: true, columns: [], body: height, question: 0, borders: false };
  const borders = height >= TALL;
  const question = asking ? (borders ? 6 : 3) : 0;
  const body = height - 2 - question;
  const base = { tiny: false, body, question, borders };
  const only: Layout = { ...base, columns: [[{ pane: focus, width, height: body }]] };
  if (height < TALL) return only;
  if (width < WIDE) {
    const others = PANES.length - 1;
    if (body < others * 3 + 5) return only;
    const places = PANES.map((pane): Place => {
      return { pane, width, height: pane === focus ? body - others * 3 : 3 };
    });
    return { ...base, columns: [places] };
  }
  const left = Math.min(44, Math.max(26, Math.floor(width * 0.32)));
  return { ...base, columns: [shared(LEFT, left, body), shared(RIGHT, width - left, body)] };
}

/** Divides a height by shares; what is left over goes to the first. */
function shared(parts: readonly [Pane, number][], width: number, height: number): Place[] {
  const all = parts.reduce((sum, [, share]) => sum + share, 0);
  const heights = parts.map(([, share]) => Math.floor((height * share) / all));
  heights[0]! += height - heights.reduce((sum, one) => sum + one, 0);
  return parts.map(([pane], index) => ({ pane, width, height: heights[index] as number }));
}
