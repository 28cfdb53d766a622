/**
 * Reads and writes files of the home for the host, which never opens a path that the guest can write (DESIGN §3).
 * Each step of a path is opened on its own and never through a symbolic link, so nothing outside the home is reached.
 */

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, mkdir, open, rename, unlink } from "node:fs/promises";
import { dirname, join, parse } from "node:path";
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

/** Opens the directory that holds the last step (`home` itself for one step), and calls `work` with a path to that step that can't be redirected. */
export async function inside<T>(
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

/** How a file is put. */
export interface PutOptions {
  last: boolean;
  /** Never over another file (protocol.ts, `file.put`). */
  fresh?: boolean | undefined;
  mode?: number | undefined;
}

/** Writes a piece; the file appears under its name with the last one. */
export async function putFile(
  home: string,
  path: string,
  offset: number,
  data: Buffer,
  { last, fresh, mode }: PutOptions,
): Promise<{ size: number; path: string }> {
  if (data.length > FILE_CHUNK) throw new BadPath(`a piece has at most ${FILE_CHUNK} bytes`);
  return inside(home, path, true, async (at) => {
    const part = partOf(at);
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (offset === 0 ? O_TRUNC : 0);
    const file = await open(part, flags, 0o644);
    try {
      const { size } = await file.stat();
      if (size !== offset) throw new BadPath(`the next piece begins at ${size}, not at ${offset}`);
      await file.writeFile(data);
      if (last && mode !== undefined) await file.chmod(mode & 0o777);
      if (last) await file.sync();
    } finally {
      await file.close();
    }
    const size = offset + data.length;
    if (!last) return { size, path };
    if (fresh) return { size, path: join(dirname(path), await placeFresh(part, at)) };
    await rename(part, at);
    return { size, path };
  });
}

/** Where a file is gathered. */
const partOf = (at: string) => at.replace(/([^/]+)$/, ".$1.nemoclaw-part");

/** Removes what was gathered of a file that won't be completed. */
export async function dropPart(home: string, path: string): Promise<void> {
  await inside(home, path, false, (at) => unlink(partOf(at))).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

/** Names that are tried for a file whose own is taken. */
const NAMES = 100;

/** Puts `part` under the name `at`, or one like it that is free. Returns the name. */
async function placeFresh(part: string, at: string): Promise<string> {
  const { dir, name, ext } = parse(at);
  for (let n = 1; n <= NAMES; n++) {
    const candidate = n === 1 ? `${name}${ext}` : `${name} (${n})${ext}`;
    const there = `${dir}/${candidate}`;
    try {
      await link(part, there); // unlike rename, never over another
    } catch (error) {
      ignoreExisting(error as NodeJS.ErrnoException);
      if (!(await sameBytes(part, there))) continue;
    }
    await unlink(part);
    return candidate;
  }
  await unlink(part);
  throw new BadPath(`there are ${NAMES} files of that name already`);
}

async function sameBytes(one: string, other: string): Promise<boolean> {
  const digests: string[] = [];
  for (const path of [one, other]) {
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
    if (!file) return false;
    try {
      if (!(await file.stat()).isFile()) return false;
      const hash = createHash("sha256");
      for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
      digests.push(hash.digest("hex"));
    } finally {
      await file.close();
    }
  }
  return digests[0] === digests[1];
}

/** Reads a piece. */
export async function getFile(
  home: string,
  path: string,
  offset: number,
): Promise<{ size: number; mode: number; data: Buffer; eof: boolean }> {
  return inside(home, path, false, async (at) => {
    const file = await open(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new BadPath("not a plain file");
      const buffer = Buffer.alloc(FILE_CHUNK);
      const { bytesRead } = await file.read(buffer, 0, FILE_CHUNK, offset);
      const { size, mode } = stat;
      return {
        size,
        mode: mode & 0o777,
        data: buffer.subarray(0, bytesRead),
        eof: offset + bytesRead >= size,
      };
    } finally {
      await file.close();
    }
  });
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
