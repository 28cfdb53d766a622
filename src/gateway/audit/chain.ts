/**
 * The chain: each line ends with the MAC of the line before and of itself, so that nobody without the key can change,
 * take out, add or swap a line unseen. Pure; knows nothing of files.
 */
import { createHmac, hash, type KeyObject } from "node:crypto";

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

/** SHA-256's block: what HMAC pads its key to (RFC 2104). */
const BLOCK = 64;
const MAC_HEX = 64;
/** Longest row that is sealed in place; nearly all have a tenth of it. */
const IN_PLACE = 8 * 1024;

/**
 * `macOf` for the one who writes all rows, with the key's two blocks laid out once: an Hmac object for each row is a
 * tenth of what a tunnel costs. `text` must be ASCII, as rows are.
 */
export function macWriter(key: KeyObject): (previous: string, text: string) => string {
  const bytes = key.export();
  if (bytes.length > BLOCK) return (previous, text) => macOf(key, previous, text);
  const inner = Buffer.alloc(BLOCK + MAC_HEX + IN_PLACE);
  const outer = Buffer.alloc(BLOCK + 32);
  for (let i = 0; i < BLOCK; i++) {
    inner[i] = 0x36 ^ (bytes[i] ?? 0);
    outer[i] = 0x5c ^ (bytes[i] ?? 0);
  }
  bytes.fill(0);
  return (previous, text) => {
    if (previous.length !== MAC_HEX || text.length > IN_PLACE) return macOf(key, previous, text);
    inner.write(previous, BLOCK, "latin1");
    const length = inner.write(text, BLOCK + MAC_HEX, "latin1");
    outer.write(hash("sha256", inner.subarray(0, BLOCK + MAC_HEX + length), "binary"), BLOCK, "latin1");
    return hash("sha256", outer, "hex");
  };
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
