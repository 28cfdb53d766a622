/**
 * Strict reader of an HTTP/1.x request head, from raw bytes. Two parties that read one head differently are how
 * requests are smuggled, so this takes one spelling of everything and refuses the rest before a byte goes upstream:
 * CRLF only, single spaces, token names, no folding, no NUL. Pure.
 */

/** A header line as it was written. */
export type HeaderLine = readonly [name: string, value: string];

/** A request head. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** 1.0 or 1.1. */
  readonly minor: 0 | 1;
  readonly headers: readonly HeaderLine[];
}

/** Why a head was refused. Stable. */
export type HeadFault =
  | "bad_line_ending"
  | "bad_request_line"
  | "bad_version"
  | "bad_method"
  | "bad_header_name"
  | "bad_header_value"
  | "folded_header";

/** A head or a fault. */
export type ParsedHead =
  | { readonly ok: true; readonly head: RequestHead }
  | { readonly ok: false; readonly fault: HeadFault };

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** Visible ASCII, and bytes above it: the target's own grammar is judged by `request-target.ts`. */
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
/** RFC 9110 field-content: no control character but the tab. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const CR = 13;
const LF = 10;

/**
 * Where the head ends (after the empty line), or why it can't be one. `from` saves re-reading what was scanned before.
 */
export function findHeadEnd(bytes: Buffer, from = 0): number | "more" | "bad_line_ending" {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (at === 0 || bytes[at - 1] !== CR) return "bad_line_ending";
    if (at >= 3 && bytes[at - 2] === LF) return at + 1;
    // An empty line before the request line is no request.
    if (at === 1) return "bad_line_ending";
  }
  return "more";
}

/** Parses a whole head, empty line included. */
export function parseHead(bytes: Buffer): ParsedHead {
  return parseHeadText(bytes.toString("latin1"));
}

/** The same, of the bytes as Latin-1. */
export function parseHeadText(text: string): ParsedHead {
  const refuse = (fault: HeadFault): ParsedHead => ({ ok: false, fault });
  const lines = text.split("\r\n");
  // The text ends in CRLFCRLF: two empty strings.
  lines.length -= 2;
  for (const line of lines) if (line.includes("\r") || line.includes("\n")) return refuse("bad_line_ending");

  const request = lines[0]!.split(" ");
  if (request.length !== 3) return refuse("bad_request_line");
  const [method, target, version] = request as [string, string, string];
  if (!TOKEN.test(method) || method.length > 32) return refuse("bad_method");
  if (!TARGET.test(target)) return refuse("bad_request_line");
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") return refuse("bad_version");

  const headers: HeaderLine[] = [];
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.startsWith(" ") || line.startsWith("\t")) return refuse("folded_header");
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    if (colon <= 0 || !TOKEN.test(name)) return refuse("bad_header_name");
    const value = line.slice(colon + 1);
    if (!VALUE.test(value)) return refuse("bad_header_value");
    headers.push([name, trimSpace(value)]);
  }
  return { ok: true, head: { method, target, minor: version === "HTTP/1.1" ? 1 : 0, headers } };
}

/** Spaces and tabs only: `trim` would take other white space too. */
function trimSpace(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && (value[from] === " " || value[from] === "\t")) from++;
  while (to > from && (value[to - 1] === " " || value[to - 1] === "\t")) to--;
  return value.slice(from, to);
}

/** All values of a header, in order. `name` in lower case. */
export function valuesOf(headers: readonly HeaderLine[], name: string): string[] {
  const values: string[] = [];
  for (const [written, value] of headers) {
    if (written.length === name.length && written.toLowerCase() === name) values.push(value);
  }
  return values;
}

/** The comma-separated members of a header, lower case. */
export function membersOf(headers: readonly HeaderLine[], name: string): string[] {
  return valuesOf(headers, name).flatMap((value) =>
    value
      .toLowerCase()
      .split(",")
      .map((member) => member.trim())
      .filter(Boolean),
  );
}
