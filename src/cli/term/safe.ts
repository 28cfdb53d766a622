/**
 * Other people's text in a terminal: on one line, every character that could steer the terminal, turn the reading
 * direction, hide itself or pile up is shown as `\u{…}` instead. Pure.
 */

/** Controls, format and bidi marks, halves, private and unassigned ones, separators, fillers that look like nothing. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;
/** Space characters other than the space. */
const SPACES = /[\p{Zs}]/gu;
const TOWER = /(\p{M}{2})\p{M}+/gu;
/** Marks that change how wide the letter before them is, which terminals don't agree upon. */
const VARIATION = /[\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]/gu;

const escaped = (char: string) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;

/** A text as it may be printed, at most `most` characters; a long one loses its middle. */
export function shown(text: string, most = 200): string {
  // Cut first: what is thrown away needs no work, and escaping makes it longer only by a bounded factor.
  const line = cutMiddle(text, most * 2)
    .replace(VARIATION, "")
    .replace(UNSEEN, escaped)
    .replace(SPACES, " ")
    .replace(TOWER, "$1");
  return cutMiddle(line, most);
}

/** Cuts the middle out; counts characters, not halves of them. */
export function cutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const letters = [...text];
  if (letters.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (most - 1 - head)).join("")}`;
}

/** `1.2 kB`, in steps of 1,000. */
export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  const power = Math.min(4, Math.floor(Math.log10(count) / 3));
  const value = count / 1_000 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

/** `950`, `1.2k`, `3.4M`. */
export function amount(count: number): string {
  if (count < 1_000) return String(count);
  const [value, unit] = count < 1_000_000 ? [count / 1_000, "k"] : [count / 1_000_000, "M"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${unit}`;
}

/** `12 ms`, `3.4 s`, `2 min`. */
export function took(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}

/** `HH:MM:SS` of this terminal's time zone. */
export function clock(ms: number): string {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}
