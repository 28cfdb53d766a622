/**
 * Names of files that people and agents send, and what an agent says of files in its answer. Pure. A name is untrusted text
 * each way: it becomes one plain name, never a path, a hidden file or a line of its own.
 */
import { extname, posix } from "node:path";

/** Bytes of a name that is kept: what a home's file system takes, with room for ` (2)` and the guest's own suffix. */
const MAX_BYTES = 180;

/** One plain name made of `name`. */
export function plainName(name: string): string {
  const last = name.toWellFormed().split(/[\\/]/).at(-1) ?? "";
  const clean = last
    .normalize("NFC")
    // Controls, direction marks and the like: invisible, or they make one name look like another.
    .replace(/[\p{C}\p{Zl}\p{Zp}<>:"|?*`[\]]/gu, "_")
    .replace(/\s+/g, " ")
    .replace(/^[.\s-]+|[.\s]+$/g, "");
  const ext = extname(clean).slice(0, 20);
  let stem = clean.slice(0, clean.length - extname(clean).length);
  while (Buffer.byteLength(stem + ext) > MAX_BYTES) stem = Array.from(stem).slice(0, -1).join("");
  return stem === "" ? `file${ext}` : `${stem}${ext}`;
}

const TYPES: Record<string, string> = {
  ".txt": "text/plain",
  ".md": "text/markdown",
  ".csv": "text/csv",
  ".html": "text/html",
  ".json": "application/json",
  ".pdf": "application/pdf",
  ".zip": "application/zip",
  ".gz": "application/gzip",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".svg": "image/svg+xml",
  ".mp3": "audio/mpeg",
  ".ogg": "audio/ogg",
  ".wav": "audio/wav",
  ".mp4": "video/mp4",
  ".webm": "video/webm",
  ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
};

/** What a file's name says that it is: enough for a platform to choose between picture and document. */
export function mimeOf(name: string): string {
  const type = TYPES[extname(name).toLowerCase()];
  // Longer ones than the record takes are left to the platform.
  return type !== undefined && type.length <= 63 ? type : "application/octet-stream";
}

/** The agent's home and working directory, as it is inside. */
const HOME = "/home/sandbox";
const WORKSPACE = `${HOME}/workspace`;

/**
 * Files that an answer names by OpenClaw's own marker, a line `MEDIA:<path>` outside of code, and the answer without those
 * lines. Only files of this machine are taken: an address stays what it is, text. Paths are relative to the home; "" =
 * outside of it.
 */
export function namedFiles(markdown: string): { text: string; files: { name: string; path: string }[] } {
  const files: { name: string; path: string }[] = [];
  let fence = "";
  const kept = markdown.split("\n").filter((line) => {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? "";
    if (fence === "") fence = mark;
    else if (mark.startsWith(fence) && line.trim() === mark) fence = "";
    const named = fence === "" ? /^MEDIA:\s*(\S.*)$/.exec(line.trim())?.[1] : undefined;
    const path = named?.replace(/^(["'])(.*)\1$/, "$2").trim();
    if (path === undefined || /^[a-z][a-z0-9+.-]*:/i.test(path)) return true;
    const full = posix.resolve(WORKSPACE, path.replace(/^~(?=\/)/, HOME));
    const below = posix.relative(HOME, full);
    files.push({ name: posix.basename(full), path: below.startsWith("..") ? "" : below });
    return false;
  });
  if (files.length === 0) return { text: markdown, files };
  return { text: kept.join("\n").trimEnd(), files };
}
