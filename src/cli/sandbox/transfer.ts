/**
 * Files between this machine and a sandbox's home, through the worker: whole, with their permissions, a directory with all
 * that is in it. Links are left out each way. What a sandbox says of names and kinds is a claim: nothing is written outside
 * of where it should go, nothing through a link.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { unreadable } from "../io.ts";
import { askWorker, openWorkerStream, type Reached } from "./reach.ts";
import { safeBelow } from "./remote-path.ts";

/** One entry of a home. */
interface Entry {
  path: string;
  kind: "file" | "directory" | "other";
  size: number;
  mode: number;
}

/** What was moved, for the last line. */
export interface Moved {
  files: number;
  bytes: number;
  /** Links and other things that are no files. */
  left: string[];
}

/** All of what is below `path`; a file is its own only entry. @throws Fault `guest-file-error` when there is nothing. */
export async function listAll(sandbox: Reached, path: string, recursive: boolean): Promise<Entry[]> {
  const found: Entry[] = [];
  for (let after = ""; ; ) {
    const page = await askWorker<{ files: Entry[]; eof: boolean }>(sandbox, "file.list", {
      path,
      recursive,
      after,
    });
    found.push(...page.files);
    const last = page.files.at(-1);
    if (page.eof || !last || last.path <= "") return found;
    after = last.path;
  }
}

/** True when there is a directory of that name. */
export async function isRemoteDirectory(sandbox: Reached, path: string): Promise<boolean> {
  if (path === "") return true;
  const { dir, base } = posix.parse(path);
  const entries = await listAll(sandbox, dir, false).catch(() => []);
  return entries.some((entry) => entry.path === base && entry.kind === "directory");
}

/** Uploads a file or directory. */
export async function upload(sandbox: Reached, local: string, target: string): Promise<Moved> {
  const moved: Moved = { files: 0, bytes: 0, left: [] };
  const one = async (from: string, to: string, mode: number) => {
    const request = { op: "put", sandbox: sandbox.id, path: to, mode: mode & 0o777 } as const;
    const stream = await openWorkerStream(sandbox, request, {});
    const sent = (async () => {
      for await (const chunk of createReadStream(from)) await stream.write(chunk as Buffer);
      stream.send({ eof: true });
    })();
    // A source that fails must not leave half a file behind; a worker that fails must not be written to.
    await Promise.all([
      sent.catch((error: unknown) => {
        stream.close();
        throw error;
      }),
      stream.ended,
    ]);
    moved.files++;
    moved.bytes += (await stat(from)).size;
  };
  const each = async (from: string, to: string): Promise<void> => {
    const about = await lstat(from);
    if (about.isDirectory()) {
      for (const name of (await readdir(from)).sort()) await each(join(from, name), posix.join(to, name));
    } else if (about.isFile()) await one(from, to, about.mode);
    else moved.left.push(from);
  };
  let about: Awaited<ReturnType<typeof stat>>;
  try {
    about = await stat(local); // what was named may be a link
  } catch (cause) {
    throw unreadable(local, cause);
  }
  if (about.isFile()) await one(local, target, about.mode);
  else await each(local, target);
  return moved;
}

/** Downloads a file or directory to `local`, which is its new name. */
export async function download(sandbox: Reached, remote: string, local: string): Promise<Moved> {
  const entries = await listAll(sandbox, remote, true);
  const moved: Moved = { files: 0, bytes: 0, left: [] };
  const [only] = entries;
  if (entries.length === 1 && only?.kind === "file" && only.path === basename(remote)) {
    const isIt = !(await isRemoteDirectory(sandbox, remote));
    if (isIt) {
      await fetchTo(sandbox, remote, local, moved);
      return moved;
    }
  }
  await mkdir(local, { recursive: true });
  for (const { path, kind } of entries) {
    const below = safeBelow(path);
    if (below === undefined || kind === "other") {
      moved.left.push(path);
      continue;
    }
    const to = join(local, below);
    if (await hasLink(local, below)) moved.left.push(path);
    else if (kind === "directory") await mkdir(to, { recursive: true });
    else {
      await mkdir(dirname(to), { recursive: true });
      await fetchTo(sandbox, posix.join(remote, path), to, moved);
    }
  }
  return moved;
}

/** Whether a directory on the way is a link: the answer of an earlier download could have been used to plant one. */
async function hasLink(root: string, below: string): Promise<boolean> {
  let at = root;
  for (const step of below.split("/").slice(0, -1)) {
    at = join(at, step);
    if ((await lstat(at).catch(() => undefined))?.isSymbolicLink()) return true;
  }
  return false;
}

/** One file: it appears under its name when it is whole. */
async function fetchTo(sandbox: Reached, remote: string, local: string, moved: Moved): Promise<void> {
  const part = join(dirname(local), `.${basename(local)}.${randomBytes(4).toString("hex")}.part`);
  const file = await open(part, "wx", 0o600);
  try {
    let announced: { size?: number | undefined; mode?: number | undefined } = {};
    let bytes = 0;
    const request = { op: "get", sandbox: sandbox.id, path: remote } as const;
    const stream = await openWorkerStream(sandbox, request, {
      begun: (about) => {
        announced = about;
      },
      async out(data) {
        bytes += data.length;
        await file.writeFile(data);
      },
    });
    await stream.ended;
    // Never setuid, never writable by others, whatever it was inside.
    await file.chmod((announced.mode ?? 0o644) & 0o755);
    await file.close();
    await rename(part, local);
    moved.files++;
    moved.bytes += bytes;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
}
