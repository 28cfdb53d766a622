/**
 * Files on their way between a chat platform and a sandbox: `run/spool/in` (bridges write, the worker reads and removes)
 * and `run/spool/out` (the worker writes, bridges read and remove). As root each process is a user of its own in one
 * group: nobody but the worker can list either folder, so a file's unguessable name is the right to it, and a name
 * travels only in the records of its conversation.
 * Knows nothing of Redis: a file is complete and fsynced before its name is given out, so a record that names it is
 * true whatever crashes. Files that no record names, or that nobody took, are swept by age.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "./errors.ts";
import { newId } from "./ids.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** What nobody took within this is swept. Milliseconds. Longer than any platform keeps an update. */
export const SPOOL_KEEP_MS: number = 7 * 86_400_000;
/** Bytes that must stay free on the disk: below that nothing more is spooled. */
const RESERVE = 512 * 1024 * 1024;
const NAME = /^f_[a-z0-9]{20}$/;

/** A file that was spooled: three fields of a record's Attachment. */
export interface Spooled {
  spool: string;
  size: number;
  sha256: string;
}

/** One folder of the spool (`pathsOf(home).spool.in` or `.out`), which the supervisor has made. */
export class Spool {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Takes a whole file in and returns its name, size and digest once it is on the disk. Nothing is left behind when the
   * source fails. @throws Fault `file-too-large` (above `maxBytes`; reading stops there) · `spool-full` (retryable)
   */
  async put(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: { maxBytes: number },
  ): Promise<Spooled> {
    const { bavail, bsize } = await statfs(this.#dir);
    if (bavail * bsize < RESERVE) throw full("the disk is nearly full");
    const spool = newId("f");
    const path = join(this.#dir, spool);
    const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      const hash = createHash("sha256");
      let size = 0;
      for await (const chunk of source) {
        size += chunk.length;
        if (size > options.maxBytes) throw tooLarge(options.maxBytes);
        hash.update(chunk);
        await file.writeFile(chunk);
      }
      // After the umask of whoever we are: the group's processes read it, by name.
      await file.chmod(0o640);
      await file.sync();
      await this.#syncNames();
      return { spool, size, sha256: hash.digest("hex") };
    } catch (error) {
      await rm(path, { force: true });
      const code = (error as NodeJS.ErrnoException).code;
      throw code === "ENOSPC" || code === "EDQUOT" ? full("the disk is full") : error;
    } finally {
      await file.close();
    }
  }

  /**
   * Opens a file for reading; the caller closes it. Undefined when it is gone (swept), or isn't of the size that the
   * record says. The digest is for the reader to check on the way.
   */
  async open(attachment: Pick<Spooled, "spool" | "size">): Promise<FileHandle | undefined> {
    if (!NAME.test(attachment.spool)) return undefined;
    let file: FileHandle;
    try {
      file = await open(join(this.#dir, attachment.spool), O_RDONLY | O_NOFOLLOW);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const found = await file.stat();
    if (found.isFile() && found.size === attachment.size) return file;
    await file.close();
    return undefined;
  }

  /** Removes files that have reached their goal. Repeating it is harmless. */
  async remove(...spools: string[]): Promise<void> {
    for (const spool of spools.filter((name) => NAME.test(name)))
      await rm(join(this.#dir, spool), { force: true });
  }

  /** Removes what is older than `keepMs`; for the folder's owner. Returns how many. */
  async sweep(keepMs: number = SPOOL_KEEP_MS, now: number = Date.now()): Promise<number> {
    let removed = 0;
    for (const name of await readdir(this.#dir)) {
      const path = join(this.#dir, name);
      const found = await stat(path).catch(() => undefined);
      if (!found || now - found.mtimeMs < keepMs) continue;
      await rm(path, { force: true, recursive: true });
      removed++;
    }
    return removed;
  }

  /**
   * The name too must survive a power cut. A writer that may not list the folder can't fsync it; ext4, XFS and btrfs
   * write a new file's name with the file's own fsync.
   */
  async #syncNames(): Promise<void> {
    let dir: FileHandle | undefined;
    try {
      dir = await open(this.#dir, O_RDONLY | O_DIRECTORY);
      await dir.sync();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    } finally {
      await dir?.close();
    }
  }
}

function tooLarge(maxBytes: number): Fault {
  const mb = Math.floor(maxBytes / 1_000_000);
  return new Fault({
    code: "file-too-large",
    message: `a file is larger than ${maxBytes} bytes`,
    userMessage: `This file is too large: at most ${mb} MB.`,
    hint: "files.inboundBytes and files.outboundBytes in config.yaml",
  });
}

function full(why: string): Fault {
  return new Fault({
    code: "spool-full",
    message: `no file can be taken in: ${why}`,
    userMessage: "There is no room for files right now. Please try again later.",
    retryable: true,
  });
}
