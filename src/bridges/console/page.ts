/** The web page's files, read once at start: nothing is served from anywhere else. */
import { readFileSync } from "node:fs";

/** One file of the page. */
export interface Asset {
  type: string;
  bytes: Buffer;
}

const FILES: [path: string, file: string, type: string][] = [
  ["/", "index.html", "text/html; charset=utf-8"],
  ["/app.js", "app.js", "text/javascript; charset=utf-8"],
  ["/cards.js", "cards.js", "text/javascript; charset=utf-8"],
  ["/markdown.js", "markdown.js", "text/javascript; charset=utf-8"],
  ["/app.css", "app.css", "text/css; charset=utf-8"],
];

/** Reads the files beside this module. */
export function loadPage(): ReadonlyMap<string, Asset> {
  return new Map(
    FILES.map(([path, file, type]) => [
      path,
      { type, bytes: readFileSync(new URL(`./page/${file}`, import.meta.url)) },
    ]),
  );
}
