/** Hands entries of agents' files to each home's own helper, one home after another. */
import { finished } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import type { RestingHomes } from "../../sandbox/index.ts";
import { type EntryHeader, exactMode } from "./format.ts";
import type { ArchiveEntry } from "./reader.ts";

interface Open {
  id: string;
  pack: Pack;
  done: Promise<void>;
  closed: Promise<unknown>;
}

/** See the module's header. */
export class UserFiles {
  readonly #homes: RestingHomes;
  readonly #tell: (line: string) => void;
  #open: Open | undefined;

  constructor(homes: RestingHomes, tell: (line: string) => void) {
    this.#homes = homes;
    this.#tell = tell;
  }

  /** One entry. Its mode is cut to reading, writing, running: no setuid, no sticky bit. */
  async take(id: string, inside: string, { header, content }: ArchiveEntry): Promise<void> {
    if (this.#open?.id !== id) {
      await this.finish();
      this.#begin(id);
    }
    const { pack: sink, done } = this.#open as Open;
    const { type = "file", mode = 0o600, size = 0, mtime, linkname } = header;
    const fresh: EntryHeader = {
      name: `./${inside}`,
      type,
      mode: exactMode(mode),
      size: type === "file" ? size : 0,
    };
    if (mtime) fresh.mtime = mtime;
    if (type === "symlink") fresh.linkname = linkname ?? "";
    const entry = sink.entry(fresh);
    const failed = done.then(() => Promise.reject(new Error("tar ended early")));
    failed.catch(() => {});
    for await (const piece of content)
      if (!entry.write(piece))
        await Promise.race([new Promise((resolve) => entry.once("drain", resolve as () => void)), failed]);
    entry.end(null);
  }

  /** The home under way is complete. @throws Fault `home-files` */
  async finish(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    open.pack.finalize();
    await open.closed.catch(() => {}); // `done` says what went wrong.
    await open.done;
  }

  #begin(id: string): void {
    this.#tell(`files of ${id}`);
    const { stream, done } = this.#homes.unpack(id);
    const sink = pack();
    (sink as unknown as NodeJS.ReadableStream).pipe(stream);
    this.#open = { id, pack: sink, done, closed: finished(stream) };
  }
}
