/**
 * Sandboxes that the operator has stopped: they stay so until the operator starts them again, whoever writes to them and
 * whatever is restarted. Kept in one small file of this worker's host, written whole, so that it is there or as before.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { PrincipalId } from "../store/index.ts";

const Stored = z.object({ v: z.literal(1), off: z.array(PrincipalId) });

/** See the module's header. */
export class SwitchedOff {
  readonly #file: string;
  #ids = new Set<string>();

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Reads what the worker that acted before has left. A file that is damaged counts as empty: then an agent wakes that
   * should not, which is seen; never the other way.
   */
  load(): void {
    this.#ids = new Set(read(this.#file));
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    this.#write();
  }

  delete(id: string): void {
    if (this.#ids.delete(id)) this.#write();
  }

  #write(): void {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    const next = `${this.#file}.new`;
    const fd = openSync(next, "w", 0o600);
    try {
      writeSync(fd, JSON.stringify({ v: 1, off: [...this.#ids] } satisfies z.infer<typeof Stored>));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(next, this.#file);
  }
}

function read(file: string): string[] {
  try {
    return Stored.parse(JSON.parse(readFileSync(file, "utf8"))).off;
  } catch {
    return [];
  }
}
