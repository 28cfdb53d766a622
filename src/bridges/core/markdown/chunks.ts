/**
 * Long Markdown in pieces that are parsed one by one: a parser's worst case grows with the square of the length, and
 * one agent's text must not hold up other people's messages. Pure; the pieces joined are the text.
 */

/** A piece is cut at the next blank line outside code after this many characters … */
const WISHED = 16 * 1024;
/** … and at any line, or in the middle of one, after this many. */
const MOST = 32 * 1024;

/** Text as pieces of bounded length. */
export function chunks(text: string): string[] {
  if (text.length <= MOST) return [text];
  const pieces: string[] = [];
  let piece = "";
  let inFence = false;
  const cut = () => {
    if (piece !== "") pieces.push(piece);
    piece = "";
  };
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    if (piece.length + line.length > MOST) cut();
    if (/^ {0,3}(?:```|~~~)/.test(line)) inFence = !inFence;
    for (let from = 0; from < line.length; from += MOST) {
      if (from > 0) cut();
      piece += line.slice(from, from + MOST);
    }
    if (piece.length > WISHED && !inFence && line.trim() === "") cut();
  }
  cut();
  return pieces;
}
