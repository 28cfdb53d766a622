/**
 * A draft that grows, as what to append to a terminal. Pure. A draft that was rewritten can't be unprinted: then the
 * whole text is printed anew below.
 */

/** What has been printed of the present answer so far. */
export interface Printed {
  text: string;
}

/** Returns what to print so that `text` stands on the screen, and remembers it. */
export function growth(printed: Printed, text: string): string {
  if (text === printed.text) return "";
  const grown = text.startsWith(printed.text) ? text.slice(printed.text.length) : `\n${text}`;
  printed.text = text;
  return grown;
}
