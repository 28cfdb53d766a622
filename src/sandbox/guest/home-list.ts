/**
 * What lies in the home, for the host, and the files that the agent wants to send. No symbolic link is followed: each
 * directory is opened as a directory, below a descriptor of the one above.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { BadPath, inside, steps } from "./home-files.ts";
import { type GuestFile, LIST_PAGE } from "./protocol.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** Where the agent puts what it wants to send, and where it goes from there. */
const OUTBOX = "outbox";
const SENT = ".sent";
/** Characters of a path that can be asked for. */
const MAX_PATH = 1_024;
/** Bytes of paths in a page, so that it fits into a frame. */
const PAGE_BYTES = 96 * 1024;

/** One page of a listing (protocol.ts, `file.list`). */
export async function listFiles(
  home: string,
  path: string,
  recursive: boolean,
  after: string,
): Promise<{ files: GuestFile[]; eof: boolean }> {
  const found: GuestFile[] = [];
  const from = after === "" ? [] : steps(after);
  const whole = async (dir: FileHandle) => {
    const eof = await walk(dir, "", recursive, from, found);
    return { files: found, eof };
  };
  if (path === "" || path === ".") return withDirectory(home, whole);
  return inside(home, path, false, async (at) => {
    const entry = await describe(at, steps(path).at(-1) as string);
    if (entry.kind === "directory") return withDirectory(at, whole);
    return { files: after === "" ? [entry] : [], eof: true };
  });
}

/** Adds entries after `from` to `found`, in the order of names, a directory before what it holds. False: page full. */
async function walk(
  dir: FileHandle,
  prefix: string,
  recursive: boolean,
  from: readonly string[],
  found: GuestFile[],
): Promise<boolean> {
  const here = `/proc/self/fd/${dir.fd}`;
  const [first, ...rest] = from;
  for (const name of (await readdir(here)).sort()) {
    if (first !== undefined && name < first) continue;
    const seen = name === first;
    const entry = await describe(`${here}/${name}`, `${prefix}${name}`).catch(() => undefined);
    // Gone meanwhile, or too deep to be fetched.
    if (!entry || entry.path.length > MAX_PATH) continue;
    if (!seen) {
      const bytes = found.reduce((sum, { path }) => sum + Buffer.byteLength(path), 0);
      if (found.length >= LIST_PAGE || bytes > PAGE_BYTES) return false;
      found.push(entry);
    }
    if (entry.kind !== "directory" || !recursive) continue;
    const more = await withDirectory(`${here}/${name}`, (below) =>
      walk(below, `${prefix}${name}/`, recursive, seen ? rest : [], found),
    );
    if (!more) return false;
  }
  return true;
}

async function describe(at: string, path: string): Promise<GuestFile> {
  const stat = await lstat(at);
  const kind = stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other";
  return { path, kind, size: kind === "file" ? stat.size : 0, mode: stat.mode & 0o777 };
}

/**
 * Moves what the agent wants to send, and `takes` says goes with this turn, to the turn's own folder, and says what is
 * there. Repeating it is harmless.
 */
export async function takeOutbox(
  home: string,
  turnId: string,
  takes: (name: string) => boolean = () => true,
): Promise<GuestFile[]> {
  return inSent(home, turnId, true, async (outbox, sent) => {
    for (const name of (await readdir(outbox)).sort()) {
      if (name.startsWith(".") || !takes(name) || !(await lstat(`${outbox}/${name}`)).isFile()) continue;
      await rename(`${outbox}/${name}`, `${sent}/${name}`);
    }
    const names = (await readdir(sent)).sort();
    const all = await Promise.all(names.map((name) => describe(`${sent}/${name}`, name)));
    return all.filter((entry) => entry.kind === "file");
  });
}

/** Removes this turn's folder. */
export async function forgetOutbox(home: string, turnId: string): Promise<void> {
  await inSent(home, turnId, false, async (_outbox, sent, parent) => {
    for (const name of await readdir(sent)) await unlink(`${sent}/${name}`);
    await rmdir(`${parent}/${turnId}`);
    return [];
  });
}

/** Calls `work` with paths that can't be redirected; without an outbox there is nothing to do. */
async function inSent(
  home: string,
  turnId: string,
  make: boolean,
  work: (outbox: string, sent: string, parent: string) => Promise<GuestFile[]>,
): Promise<GuestFile[]> {
  if (!/^[\w-]{1,64}$/.test(turnId)) throw new BadPath("not a turn's id");
  const down = async (at: string, name: string, next: (path: string) => Promise<GuestFile[]>) => {
    if (make) await mkdir(`${at}/${name}`, { mode: 0o700 }).catch(() => undefined); // what is wrong shows below
    return withDirectory(`${at}/${name}`, (dir) => next(`/proc/self/fd/${dir.fd}`));
  };
  try {
    return await withDirectory(`${home}/${OUTBOX}`, async (dir) => {
      const outbox = `/proc/self/fd/${dir.fd}`;
      const waiting = (await readdir(outbox)).some((name) => name !== SENT);
      if (make && !waiting) {
        const before = await lstat(`${outbox}/${SENT}/${turnId}`).catch(() => undefined);
        if (!before) return [];
      }
      return down(outbox, SENT, (parent) => down(parent, turnId, (sent) => work(outbox, sent, parent)));
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ELOOP" || code === "ENOTDIR") return [];
    throw error;
  }
}

async function withDirectory<T>(path: string, work: (dir: FileHandle) => Promise<T>): Promise<T> {
  const dir = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return await work(dir);
  } finally {
    await dir.close();
  }
}
