/** Writes a backup's archive: entries one after another, counted into the digest, compressed, complete or not there. */
import { createReadStream, createWriteStream, fstatSync, openSync, renameSync, rmSync } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { extract, type Pack, pack } from "tar-stream";
import { openPlain } from "../../lib/plain-file.ts";
import { DIGEST, Digest, type EntryHeader, exactMode, isInside } from "./format.ts";

/** See the module's header. */
export class ArchiveWriter {
  readonly #file: string;
  readonly #pack: Pack = pack();
  readonly #digest = new Digest();
  readonly #written: Promise<void>;
  /** Sockets, pipes and devices that were left out. */
  leftOut = 0;
  files = 0;

  /** @throws the system's error when the file can't be made */
  constructor(file: string) {
    this.#file = file;
    // Speed over size: homes are mostly packed files already.
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    this.#written = pipeline(
      this.#pack as unknown as NodeJS.ReadableStream,
      gzip,
      createWriteStream("", { fd: openSync(this.#part, "wx", 0o600) }),
    );
    this.#written.catch(() => {}); // Looked at by `finish`, and seen before as a pack that is destroyed.
  }

  get #part(): string {
    return `${this.#file}.part`;
  }

  /** A small file from memory. */
  async text(name: string, text: string | Buffer, mode = 0o600): Promise<void> {
    const bytes = Buffer.from(text);
    await this.#entry({ name, mode, type: "file", size: bytes.length, mtime: new Date() }, [bytes]);
  }

  /**
   * The first `size` bytes of a file, as large as it is now: it may grow meanwhile. Another user may own its directory.
   * @throws Fault `file-not-plain`
   */
  async copy(name: string, file: string, mode = 0o600): Promise<void> {
    const fd = openPlain(file);
    const { size, mtime } = fstatSync(fd);
    // Closes what it reads from.
    const source = createReadStream("", { fd, start: 0, end: Math.max(0, size - 1) });
    const pieces = size === 0 ? [] : (source as AsyncIterable<Buffer>);
    await this.#entry({ name, mode, type: "file", size, mtime }, pieces).finally(() => source.destroy());
  }

  /** All of a tar stream, below a prefix. What is no file, directory or link is left out, and so are setuid bits. */
  async tree(prefix: string, stream: Readable): Promise<void> {
    const entries = extract();
    stream.on("error", (error) => entries.destroy(error));
    stream.pipe(entries as unknown as NodeJS.WritableStream);
    for await (const entry of entries) {
      const { name, type, size, mode, mtime, linkname } = entry.header;
      const inside = name.replace(/^\.\/?/, "").replace(/\/+$/, "");
      const kept = type === "file" || type === "directory" || type === "symlink";
      if (inside === "" || !kept || !isInside(inside)) {
        if (inside !== "") this.leftOut += 1;
        entry.resume();
        continue;
      }
      const header: EntryHeader = { name: `${prefix}/${inside}`, type, mode: exactMode(mode ?? 0o600) };
      if (mtime) header.mtime = mtime;
      if (type === "symlink") header.linkname = linkname ?? "";
      header.size = type === "file" ? (size ?? 0) : 0;
      await this.#entry(header, entry as unknown as AsyncIterable<Buffer>);
    }
  }

  /** The digest, the end, the name. */
  async finish(): Promise<void> {
    const text = Buffer.from(this.#digest.text);
    const entry = this.#pack.entry({ name: DIGEST, mode: 0o600, size: text.length });
    entry.end(text);
    this.#pack.finalize();
    await this.#written;
    renameSync(this.#part, this.#file);
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    this.#pack.destroy(new Error("abandoned"));
    await this.#written.catch(() => {});
    rmSync(this.#part, { force: true });
  }

  async #entry(header: EntryHeader, source: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    const hash = this.#digest.open(header);
    this.files += 1;
    const failed = this.#written.then(() => Promise.reject(new Error("the archive ended early")));
    failed.catch(() => {});
    const entry = this.#pack.entry(header);
    for await (const piece of source) {
      hash.update(piece);
      if (!entry.write(piece)) await Promise.race([drained(entry), failed]);
    }
    entry.end(null);
    this.#digest.close(hash);
  }
}

/** Resolves when a stream of the tar library takes more. */
function drained(entry: { once(event: "drain", listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => entry.once("drain", resolve));
}
