/**
 * The one log: every line of every process in `logs/nemoclaw.jsonl`, rotated by size. What a process prints that is no
 * JSON (a crash of Node itself) becomes a line of the same form. A full disk stops the log, never the service.
 */
import { appendFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { redact } from "../../lib/redact.ts";

const MAX_BYTES = 20 * 1024 * 1024;
const KEEP = 5;

/** File name of the current log below `logs/`. */
export const LOG_FILE = "nemoclaw.jsonl";

/** Where lines go. */
export class LogFile {
  readonly #file: string;
  readonly #maxBytes: number;
  readonly #listeners = new Set<(line: string) => void>();
  #bytes: number;

  constructor(directory: string, maxBytes: number = MAX_BYTES) {
    this.#file = join(directory, LOG_FILE);
    this.#maxBytes = maxBytes;
    this.#bytes = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Calls back with every line, e.g. to print it in a terminal. */
  onLine(listener: (line: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Adds one line of JSON (pino's `destination.write` gives it with its newline). */
  write(text: string): void {
    const line = text.endsWith("\n") ? text : `${text}\n`;
    try {
      if (this.#bytes + line.length > this.#maxBytes) this.#rotate();
      appendFileSync(this.#file, line, { mode: 0o600 });
      this.#bytes += Buffer.byteLength(line);
    } catch {
      // Nothing to do about a full disk here; the terminal still gets the line.
    }
    for (const listener of this.#listeners) listener(line);
  }

  /** Takes a process's output in chunks; returns what to call when it has ended. */
  collector(process: string): { push(chunk: Buffer): void; end(): void } {
    let rest = "";
    const take = (line: string) => {
      if (line.trim() === "") return;
      this.write(line.startsWith("{") ? line : wrapped(process, line));
    };
    return {
      push: (chunk) => {
        const lines = (rest + chunk.toString("utf8")).split("\n");
        rest = (lines.pop() ?? "").slice(-64 * 1024);
        for (const line of lines) take(line);
      },
      end: () => take(rest),
    };
  }

  #rotate(): void {
    const numbered = (n: number) => this.#file.replace(/\.jsonl$/, `.${n}.jsonl`);
    for (let n = KEEP - 1; n >= 1; n--) {
      if (statSync(numbered(n), { throwIfNoEntry: false })) renameSync(numbered(n), numbered(n + 1));
    }
    if (this.#bytes > 0) renameSync(this.#file, numbered(1));
    this.#bytes = 0;
  }
}

/** A line of plain text in the form of all others. */
function wrapped(process: string, line: string): string {
  return JSON.stringify({ level: "error", time: new Date().toISOString(), process, msg: redact(line) });
}
