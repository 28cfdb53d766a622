/**
 * Lines of JSON over a socket with back-pressure: a reader that isn't done with a line holds the next ones back, a writer
 * that isn't read is told so. A line that is too long ends the connection.
 */
import type { Socket } from "node:net";

/** One end. */
export class LineSocket {
  readonly #socket: Socket;
  readonly #max: number;
  readonly #onLine: (line: string) => void | Promise<void>;
  readonly #onDrain = new Set<() => void>();
  #bytes: Buffer = Buffer.alloc(0);
  #busy = false;
  #ended = false;
  #afterLast: (() => void) | undefined;

  /** `onLine` is called with one line after the other, never before its last promise has settled; it must not reject. */
  constructor(
    socket: Socket,
    options: {
      max: number;
      onLine: (line: string) => void | Promise<void>;
      /** The other end is gone. With `toTheEnd`: and every line that came from it has been handled. */
      onClose: () => void;
      toTheEnd?: boolean;
    },
  ) {
    this.#socket = socket;
    this.#max = options.max;
    this.#onLine = options.onLine;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
      void this.#pump();
    });
    socket.on("drain", () => {
      for (const wake of this.#onDrain) wake();
      this.#onDrain.clear();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#ended = true;
      for (const wake of this.#onDrain) wake();
      this.#onDrain.clear();
      if (options.toTheEnd && this.#busy) this.#afterLast = options.onClose;
      else options.onClose();
    });
  }

  /** False: the other end doesn't keep up; wait for {@link drained}. */
  write(value: unknown): boolean {
    if (this.#ended || this.#socket.writableEnded) return true;
    return this.#socket.write(`${JSON.stringify(value)}\n`);
  }

  /** Resolves when what was written has been taken, or nobody will. */
  drained(): Promise<void> {
    if (this.#ended || !this.#socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#onDrain.add(resolve));
  }

  /** Writes a last line and closes. */
  end(value: unknown): void {
    if (!this.#ended && !this.#socket.writableEnded) this.#socket.end(`${JSON.stringify(value)}\n`);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #pump(): Promise<void> {
    if (this.#busy) {
      if (this.#bytes.length > this.#max) this.#socket.pause();
      return;
    }
    this.#busy = true;
    let from = 0;
    for (;;) {
      const at = this.#bytes.indexOf(10, from);
      if (at < 0) break;
      const line = this.#bytes.toString("utf8", from, at);
      from = at + 1;
      const done = this.#onLine(line);
      if (done) {
        this.#bytes = this.#bytes.subarray(from);
        from = 0;
        await done;
      }
      if (this.#ended && !this.#afterLast) return;
    }
    this.#bytes = this.#bytes.subarray(from);
    this.#busy = false;
    if (this.#ended) return this.#afterLast?.();
    if (this.#bytes.length > this.#max) this.#socket.destroy();
    else this.#socket.resume();
  }
}
