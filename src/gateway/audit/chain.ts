/**
 * The chain: each line ends with the MAC of the line before and of itself, so that nobody without the key can change,
 * take out, add or swap a line unseen. Pure; knows nothing of files.
 */
import { createHmac, type KeyObject } from "node:crypto";

/** The newest row: its number, its MAC. */
export interface Head {
  readonly seq: number;
  readonly mac: string;
}

/** Before the first row. */
export const GENESIS: Head = { seq: 0, mac: "0".repeat(64) };

/** The MAC of a row whose predecessor has `previous`; `text` is the row's JSON without its `mac`. */
export function macOf(key: KeyObject, previous: string, text: string): string {
  return createHmac("sha256", key)
    .update(previous + text)
    .digest("hex");
}

/** A row as it stands in the file, without the line's end. `text` must be a JSON object with at least one field. */
export function sealed(text: string, mac: string): string {
  return `${text.slice(0, -1)},"mac":"${mac}"}`;
}

/** A line taken apart. */
export interface Line extends Head {
  readonly text: string;
}

const SHAPE = /^(\{"seq":([1-9]\d{0,14}),.*),"mac":"([0-9a-f]{64})"\}$/;

/** A line taken apart; undefined when it isn't one of ours. Doesn't check the MAC. */
export function parseLine(line: string): Line | undefined {
  const parts = SHAPE.exec(line);
  if (!parts) return undefined;
  return { seq: Number(parts[2]), mac: parts[3] as string, text: `${parts[1]}}` };
}
