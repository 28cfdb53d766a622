/**
 * Reads a JSON request without decoding its long texts: OpenClaw's requests are ~94 KB of prompt around a small
 * structure, and parse + stringify of the whole costs more than the rest of the call.
 * Owns the proof that forwarding the caller's own bytes is safe: whole document checked, no duplicate key anywhere
 * (two parsers could read it differently), depth and structure capped. Must never change a byte itself (splice.ts).
 */
import { isUtf8 } from "node:buffer";

/** Nesting that is still read. Tool schemas of real agents stay below 20. */
export const MAX_DEPTH = 64;
/** Bytes of structure (everything but long strings): bounds the time one request may take from the others. */
export const MAX_STRUCTURE = 1024 * 1024;
/** Strings longer than this are shortened in {@link Outline.value}; no schema may allow a bounded string to be longer. */
export const LONG = 256;

/** A top-level member: byte ranges of its key (with quotes) and its value. */
export interface Field {
  keyStart: number;
  keyEnd: number;
  start: number;
  end: number;
}

/** What was found. Texts in `value` are read as Latin-1 and long ones are cut: it is for judging, not for showing. */
export interface Outline {
  value: Record<string, unknown>;
  fields: Map<string, Field>;
  /** Byte after the opening brace: where a member can be inserted. */
  inside: number;
}

/**
 * Values of one member that were accepted before, byte for byte. An agent sends the same tools with every request, and
 * they are most of its structure: what is equal to something accepted is not judged again.
 */
export class KnownValues {
  readonly key: string;
  readonly #values: Buffer[] = [];

  constructor(key: string) {
    this.key = key;
  }

  /** Length of the known value that stands at `at`; 0 when none does. */
  lengthAt(body: Buffer, at: number): number {
    for (const value of this.#values) {
      const end = at + value.length;
      if (end <= body.length && body.compare(value, 0, value.length, at, end) === 0) return value.length;
    }
    return 0;
  }

  /** Remembers the member's value in an accepted request: a whole array, so that equal bytes are the same value. */
  remember(body: Buffer, outline: Outline): void {
    const field = outline.fields.get(this.key);
    if (!field || body[field.start] !== 91 || field.end - field.start > MAX_KNOWN_BYTES) return;
    if (this.lengthAt(body, field.start) > 0) return;
    this.#values.unshift(Buffer.from(body.subarray(field.start, field.end)));
    this.#values.splice(MAX_KNOWN);
  }
}

/** Different sets of tools that are remembered: sandboxes mostly run the same agent. */
const MAX_KNOWN = 16;
const MAX_KNOWN_BYTES = 256 * 1024;

/** Refused, with a reason that names no content. */
export type OutlineResult = { ok: true; outline: Outline } | { ok: false; reason: string };

const QUOTE = 34;
const BACKSLASH = 92;
const PAD = ".".repeat(LONG + 1);
const refuse = (reason: string): OutlineResult => ({ ok: false, reason });

/** Index of the quote that ends the string opened at `from - 1`; -1 when there is none. */
function stringEnd(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at > 0 && text.charCodeAt(at - 1) === BACKSLASH) {
    let slash = at - 2;
    while (slash >= from && text.charCodeAt(slash) === BACKSLASH) slash--;
    if ((at - slash) % 2 === 1) return at;
    at = text.indexOf('"', at + 1);
  }
  return at;
}

/** A long string's stand-in: its start up to the first escape, padded so that it stays longer than {@link LONG}. */
function shortened(text: string, from: number): string {
  const head = text.slice(from, from + LONG + 1);
  const cut = head.indexOf("\\");
  return cut < 0 ? head : (head.slice(0, cut) + PAD).slice(0, LONG + 1);
}

/** Outlines one JSON object. A known value stands in the outline as an empty array. */
export function outlineOf(body: Buffer, known?: KnownValues): OutlineResult {
  if (!isUtf8(body)) return refuse("the body is not UTF-8");
  const text = body.toString("latin1");
  const pieces: string[] = [];
  let structure = 0;
  let copied = 0;
  const fields = new Map<string, Field>();
  /** Keys seen, per open container; undefined for an array. */
  const stack: (Set<string> | undefined)[] = [];
  let keys: Set<string> | undefined;
  let expectKey = false;
  let inside = -1;
  let field: Field | undefined;
  let fieldKey = "";
  let significant = 0;

  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 32) continue;
    if (c === QUOTE) {
      const end = stringEnd(text, i + 1);
      if (end < 0) return refuse("a string is not closed");
      if (expectKey) {
        expectKey = false;
        let key = text.slice(i + 1, end);
        if (key.length > LONG) return refuse("a key is too long");
        if (key.includes("\\")) {
          try {
            key = JSON.parse(`"${key}"`) as string;
          } catch {
            return refuse("a key is not valid JSON");
          }
        }
        if (key === "__proto__" || keys?.has(key)) return refuse("a key stands twice in one object");
        keys?.add(key);
        if (stack.length === 1) {
          field = { keyStart: i, keyEnd: end + 1, start: -1, end: -1 };
          fieldKey = key;
          fields.set(key, field);
        }
      } else {
        if (field && field.start < 0) field.start = i;
        if (end - i - 1 > LONG) {
          pieces.push(text.slice(copied, i + 1), shortened(text, i + 1));
          structure += i + 1 - copied + LONG;
          copied = end;
        }
      }
      i = end;
      significant = end;
    } else if (c === 123 || c === 91) {
      if (field && field.start < 0) {
        field.start = i;
        const length = c === 91 && fieldKey === known?.key ? known.lengthAt(body, i) : 0;
        if (length > 0) {
          pieces.push(text.slice(copied, i), "[]");
          structure += i - copied;
          copied = i + length;
          i = copied - 1;
          significant = i;
          continue;
        }
      }
      if (stack.length === 0) inside = i + 1;
      keys = c === 123 ? new Set() : undefined;
      stack.push(keys);
      if (stack.length > MAX_DEPTH) return refuse("it is nested too deeply");
      expectKey = c === 123;
      significant = i;
    } else if (c === 125 || c === 93) {
      if (stack.length === 1 && field) field.end = significant + 1;
      stack.pop();
      keys = stack[stack.length - 1];
      expectKey = false;
      significant = i;
    } else if (c === 44) {
      if (stack.length === 1 && field) field.end = significant + 1;
      if (stack.length === 1) field = undefined;
      expectKey = keys !== undefined;
    } else if (c !== 58) {
      if (field && field.start < 0) field.start = i;
      significant = i;
    }
    if (structure + i - copied > MAX_STRUCTURE) return refuse("its structure is too large");
  }
  pieces.push(text.slice(copied));
  let value: unknown;
  try {
    // Grammar is judged here: only the insides of long value strings are missing.
    value = JSON.parse(pieces.join(""));
  } catch {
    return refuse("the body is not valid JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return refuse("the body is not a JSON object");
  return { ok: true, outline: { value: value as Record<string, unknown>, fields, inside } };
}
