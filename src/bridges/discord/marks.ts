/**
 * Discord's marks: what has a meaning to its clients, and how it is taken away or put on. Pure.
 * @see Discord, "Markdown Text 101"; a backslash before any ASCII punctuation shows that sign as it is.
 */

/** Text that shows as it is wherever it stands within a line. */
export function escapeText(text: string): string {
  // Pings are switched off in each request; `@everyone` would still look like one, and a bare address would become a link
  // that nobody checked.
  return text.replace(/[\\*_~`|<[\]]|@(?=everyone|here)|(?<=https?):(?=\/\/)/gi, "\\$&");
}

/** Signs that mean something only at the start of a line: headings, small print, quotations, lists. */
export function escapeLines(text: string): string {
  return text
    .replace(/^([ \t]*)(-#|#{1,3}|>{1,3}|[-+])(?=\s)/gm, "$1\\$2")
    .replace(/^([ \t]*\d{1,9})\.(?=\s)/gm, "$1\\.");
}

/** Marks around a text. White space at its ends stays outside: Discord would show the marks instead. */
export function within(mark: string, text: string): string {
  const core = text.trim();
  // Code that holds the mark itself would end it there, and an empty one would show.
  if (core === "" || codeHolds(core, mark)) return text;
  const at = text.length - text.trimStart().length;
  return `${text.slice(0, at)}${mark}${core}${mark}${text.slice(at + core.length)}`;
}

function codeHolds(text: string, mark: string): boolean {
  return (text.match(/`[^`]*`/g) ?? []).some((code) => code.includes(mark[0]!));
}

/** Puts the next piece behind the text so that marks of both don't run into one. */
export function joined(text: string, next: string): string {
  const last = text.at(-1);
  return last !== undefined && last === next[0] && "*~`_".includes(last)
    ? `${text}\u200b${next}`
    : text + next;
}

/** A fenced block whose body can't end it. */
export function codeFence(value: string, lang: string): string {
  const name = /^[A-Za-z0-9_+\-.#]{1,32}$/.test(lang) ? lang : "";
  const body = value.replace(/`{3,}/g, (run) => run.split("").join("\u200b"));
  return `\`\`\`${name}\n${body.trim() === "" ? " " : body}\n\`\`\``;
}

/** Inline code, whatever it holds. */
export function codeSpan(value: string): string {
  const line = value.replace(/\s*\n\s*/g, " ");
  if (line === "") return "";
  if (!line.includes("`")) return `\`${line}\``;
  const calm = line.replace(/`{2,}/g, (run) => run.split("").join("\u200b"));
  return `\`\` ${calm} \`\``;
}

/** An address as it may stand in angle brackets: nothing in it ends them or is a mark. */
export function linkTarget(url: string): string {
  return url.replace(
    /[<>()\s*~|`\\]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
