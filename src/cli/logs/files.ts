/** Lines of the log as they lie on the disk, rotated files included, and what is appended from now on. */
import { createReadStream, readdirSync, statSync, watchFile } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Fault } from "../../lib/errors.ts";

/** All lines of the one log, oldest first. @throws Fault `no-logs` when there is none yet. */
export async function* storedLines(directory: string): AsyncGenerator<string> {
  for (const file of filesOldestFirst(directory)) yield* linesOf(join(directory, file));
}

/** Lines of one file; none when it isn't there. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  if (!statSync(file, { throwIfNoEntry: false })) return;
  yield* createInterface({ input: createReadStream(file) });
}

/** `nemoclaw.5.jsonl` … `nemoclaw.1.jsonl`, `nemoclaw.jsonl`. */
function filesOldestFirst(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => /^nemoclaw(\.\d+)?\.jsonl$/.test(name));
  } catch (error) {
    throw new Fault({
      code: "no-logs",
      message: `there are no logs to read in ${directory}`,
      hint: "has `nemoclaw start` run on this home? Logs belong to the user who started it",
      cause: error,
    });
  }
  const age = (name: string) => Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
  return names.sort((a, b) => age(b) - age(a));
}

/** Gives on what is appended to `file`; one that became shorter was rotated and is read from its start. */
export function followFile(file: string, show: (line: string) => void): void {
  let position = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  let rest = "";
  let reading = Promise.resolve();
  watchFile(file, { interval: 200 }, (now) => {
    reading = reading.then(async () => {
      if (now.size < position) position = 0;
      if (now.size === position) return;
      for await (const chunk of createReadStream(file, { start: position, encoding: "utf8" })) {
        position += Buffer.byteLength(chunk as string);
        const lines = (rest + (chunk as string)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) show(line);
      }
    });
  });
}
