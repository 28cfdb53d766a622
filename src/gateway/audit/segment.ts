/**
 * One file of the audit, open for appending. Knows how many of its bytes are whole rows and cuts off what isn't; never
 * writes into a file whose end it couldn't restore.
 */
import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  statSync,
  write,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { FileName } from "./files.ts";

const writeLater = promisify(write);
const syncLater = promisify(fdatasync);
const closeLater = promisify(close);

/** What became of a write: how many bytes are in the file, and why not all. */
export interface Written {
  readonly bytes: number;
  readonly error?: Error;
}

/** See the module's header. */
export class Segment {
  readonly file: FileName;
  /** Bytes of whole rows. */
  size: number;
  /** No row may be added any more. */
  spent = false;
  readonly #path: string;
  readonly #fd: number;
  readonly #inode: number;

  private constructor(dir: string, file: FileName, flags: number) {
    this.file = file;
    this.#path = join(dir, file.name);
    this.#fd = openSync(
      this.#path,
      constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | flags,
      0o600,
    );
    const { size, ino } = fstatSync(this.#fd);
    this.size = size;
    this.#inode = ino;
  }

  /** A new file; its name survives a power failure. @throws the system's error */
  static create(dir: string, file: FileName): Segment {
    const segment = new Segment(dir, file, constants.O_CREAT | constants.O_EXCL);
    const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return segment;
  }

  /** A file whose last row is whole. */
  static reopen(dir: string, file: FileName): Segment {
    return new Segment(dir, file, 0);
  }

  /** Appends at once. */
  writeNow(bytes: Buffer): Written {
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done);
      return { bytes: done };
    } catch (error) {
      return { bytes: done, error: error as Error };
    }
  }

  /** Appends without holding up the process. One at a time. */
  async writeLater(bytes: Buffer): Promise<Written> {
    let done = 0;
    try {
      while (done < bytes.length)
        done += (await writeLater(this.#fd, bytes, done, bytes.length - done, null)).bytesWritten;
      return { bytes: done };
    } catch (error) {
      return { bytes: done, error: error as Error };
    }
  }

  /** Counts `rows` bytes of whole rows; takes `extra` bytes of half a row back out. */
  settle(rows: number, extra: number): void {
    this.size += rows;
    if (extra === 0) return;
    try {
      ftruncateSync(this.#fd, this.size);
    } catch {
      this.spent = true; // Its last line stays torn.
    }
  }

  /** Everything written so far is on the disk when this resolves. */
  sync(): Promise<void> {
    return syncLater(this.#fd);
  }

  /** False when the name leads elsewhere or nowhere: somebody removed or replaced the file. */
  inPlace(): boolean {
    try {
      return statSync(this.#path).ino === this.#inode;
    } catch {
      return false;
    }
  }

  close(): Promise<void> {
    return closeLater(this.#fd);
  }
}
