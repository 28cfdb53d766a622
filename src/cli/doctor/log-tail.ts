/** The last line of the service's log that is about something. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { LOG_FILE } from "../supervisor/log.ts";

/** How much of the log's end is read. */
const SPAN = 4 * 1024 * 1024;

const Line = z.object({ process: z.string(), msg: z.string(), time: z.string() });
/** What is looked at of a line. */
export type LogLine = z.infer<typeof Line>;

/** Undefined when there is no log or no such line in its last {@link SPAN} bytes. */
export function lastLog(dir: string, wanted: (line: LogLine) => boolean): LogLine | undefined {
  for (const text of tailOf(join(dir, LOG_FILE)).split("\n").toReversed()) {
    const line = Line.safeParse(parse(text));
    if (line.success && wanted(line.data)) return line.data;
  }
  return undefined;
}

/** The file's last {@link SPAN} bytes; empty when there is none. */
export function tailOf(file: string, span: number = SPAN): string {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(0, size - span);
    const bytes = Buffer.alloc(size - start);
    return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, start));
  } finally {
    closeSync(fd);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
