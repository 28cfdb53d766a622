/**
 * The canonical form of a request's path: what is judged is what is sent. Dot segments are resolved (also spelled
 * `%2e`, also with `;parameters`), doubled slashes are one, escapes have one spelling. What can't be read without doubt
 * (encoded NUL or backslash, doubly encoded dots and slashes) is a fault. Pure.
 */

/** A canonical path and query. */
export interface CanonicalPath {
  readonly path: string;
  /** The path without `;parameters`: how servers that strip them read it. */
  readonly barePath: string;
  /** The path holds `%2F`: a slash for some servers, none for others. */
  readonly encodedSlash: boolean;
  /** With the question mark, escapes normalised; "" when absent. */
  readonly search: string;
}

/** Why a path was refused. */
export type PathFault = "bad_path" | "bad_escape" | "ambiguous_path";

/** RFC 3986 pchar, slash, and bytes above ASCII (which are escaped). */
const PATH_CHARS = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/\x80-\xff]*$/;
/** Queries in the wild also hold these, and no server reads them as anything else. */
const QUERY_CHARS = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%/?[\]{}|^`"<>\x80-\xff]*$/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

/** Canonicalises `/path?query` (an origin-form target). */
export function canonicalPath(
  target: string,
): { ok: true; value: CanonicalPath } | { ok: false; fault: PathFault } {
  const mark = target.indexOf("?");
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const rawSearch = mark < 0 ? "" : target.slice(mark);
  if (!PATH_CHARS.test(rawPath) || !QUERY_CHARS.test(rawSearch)) return { ok: false, fault: "bad_path" };
  if (BAD_ESCAPE.test(rawPath) || BAD_ESCAPE.test(rawSearch)) return { ok: false, fault: "bad_escape" };
  if (/%(0[0-9a-f]|1[0-9a-f]|7f|5c)/i.test(rawPath)) return { ok: false, fault: "bad_escape" };
  // %252e, %252f, %255c: a server that decodes twice sees another path than this one.
  if (/%(25)+(2e|2f|5c|00)/i.test(rawPath)) return { ok: false, fault: "ambiguous_path" };

  const path = resolveDots(normaliseEscapes(rawPath));
  const encodedSlash = path.includes("%2F");
  if (encodedSlash && hasHiddenDots(path)) return { ok: false, fault: "ambiguous_path" };
  const barePath = path.includes(";") ? resolveDots(path.replace(/;[^/]*/g, "")) : path;
  return { ok: true, value: { path, barePath, encodedSlash, search: normaliseEscapes(rawSearch) } };
}

/** Unreserved characters unescaped, other escapes in upper case, bytes above ASCII escaped. */
function normaliseEscapes(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})|[\x80-\xff]/g, (match, hex: string | undefined) => {
    const code = hex === undefined ? match.charCodeAt(0) : Number.parseInt(hex, 16);
    const char = String.fromCharCode(code);
    return hex !== undefined && /[A-Za-z0-9\-._~]/.test(char)
      ? char
      : `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
  });
}

/** `.` and `..` resolved, with or without `;parameters`; empty segments dropped but for a final slash. */
function resolveDots(path: string): string {
  const out: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [i, segment] of segments.entries()) {
    const last = i === segments.length - 1;
    const bare = segment.split(";", 1)[0];
    if (bare === ".." || bare === ".") {
      if (bare === "..") out.pop();
      if (last) out.push("");
    } else if (segment !== "" || last) out.push(segment);
  }
  return `/${out.join("/")}`;
}

/** Whether dot segments appear once encoded slashes are taken for slashes. */
function hasHiddenDots(path: string): boolean {
  return path
    .replaceAll("%2F", "/")
    .split("/")
    .some((segment) => /^\.{1,2}(;|$)/.test(segment));
}

/** The query as a multimap, decoded once. */
export function queryOf(search: string): Map<string, string[]> {
  const query = new Map<string, string[]>();
  if (search.length <= 1) return query;
  for (const [key, value] of new URLSearchParams(search)) {
    const values = query.get(key);
    if (values) values.push(value);
    else query.set(key, [value]);
  }
  return query;
}
