/**
 * Reads and writes files of the home for the host, which never opens a path that the guest can write (DESIGN §3).
 * Each step of a path is opened on its own and never through a symbolic link, so nothing outside the home is reached.
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { FILE_CHUNK } from "./protocol.ts";

const { O_APPEND, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY, O_NONBLOCK } = constants;

/** A path that is refused. */
export class BadPath extends Error {}

/** Splits a relative path; refuses what could mean another place. */
export function steps(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (
    path.startsWith("/") ||
    path.includes("\0") ||
    parts.includes("..") ||
    parts.length === 0 ||
    path.length > 1_024
  ) {
    throw new BadPath("the path must be relative to the home and stay inside it");
  }
  return parts;
}

/** Opens the directory that holds the last step, and calls `work` with a path to that step that can't be redirected. */
async function inside<T>(
  home: string,
  path: string,
  make: boolean,
  work: (at: string) => Promise<T>,
): Promise<T> {
  const parts = steps(path);
  const last = parts.pop() as string;
  let dir = await open(home, O_RDONLY | O_DIRECTORY);
  try {
    for (const part of parts) {
      // openat(2) by way of /proc: the parent is a descriptor, not a name that could be swapped.
      const at = `/proc/self/fd/${dir.fd}/${part}`;
      if (make) await mkdir(at, { mode: 0o755 }).catch(ignoreExisting);
      const next: FileHandle = await open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      await dir.close();
      dir = next;
    }
    return await work(`/proc/self/fd/${dir.fd}/${last}`);
  } finally {
    await dir.close();
  }
}

/** Writes a piece; the file appears under its name with the last one. */
export async function putFile(
  home: string,
  path: string,
  offset: number,
  data: Buffer,
  last: boolean,
): Promise<number> {
  if (data.length > FILE_CHUNK) throw new BadPath(`a piece has at most ${FILE_CHUNK} bytes`);
  return inside(home, path, true, async (at) => {
    const part = at.replace(/([^/]+)$/, ".$1.nemoclaw-part");
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (offset === 0 ? O_TRUNC : 0);
    const file = await open(part, flags, 0o644);
    try {
      const { size } = await file.stat();
      if (size !== offset) throw new BadPath(`the next piece begins at ${size}, not at ${offset}`);
      await file.writeFile(data);
      if (last) await file.sync();
    } finally {
      await file.close();
    }
    if (last) await rename(part, at);
    return offset + data.length;
  });
}

/** Reads a piece. */
export async function getFile(
  home: string,
  path: string,
  offset: number,
): Promise<{ size: number; data: Buffer; eof: boolean }> {
  return inside(home, path, false, async (at) => {
    const file = await open(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new BadPath("not a plain file");
      const buffer = Buffer.alloc(FILE_CHUNK);
      const { bytesRead } = await file.read(buffer, 0, FILE_CHUNK, offset);
      return { size: stat.size, data: buffer.subarray(0, bytesRead), eof: offset + bytesRead >= stat.size };
    } finally {
      await file.close();
    }
  });
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
