/**
 * Names and reading of the audit's files: `egress-<day>-<n>.jsonl`, in the order in which they were written. Reads only;
 * never holds more of a file than one piece and one line.
 */
import { closeSync, fstatSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../../lib/paths.ts";
import { openPlain } from "../../lib/plain-file.ts";

/** Where one installation's audit is. The head's anchors lie away from the rows. */
export interface AuditPlaces {
  readonly dir: string;
  readonly keyFile: string;
  readonly anchorsFile: string;
}

/** The places in a home. */
export function auditPlaces(paths: Paths): AuditPlaces {
  return {
    dir: paths.audit,
    keyFile: join(paths.secrets("gateway"), "audit.key"),
    anchorsFile: join(paths.secrets("gateway"), "audit-anchors.jsonl"),
  };
}

const NAME = /^egress-(\d{4}-\d{2}-\d{2})-([1-9]\d{0,8})\.jsonl$/;

/** A file's day and number on that day. */
export interface FileName {
  readonly name: string;
  readonly day: string;
  readonly n: number;
}

/** The file after `last`. The day never goes back, whatever the clock does: names sort as they were written. */
export function nextFile(last: FileName | undefined, today: string): FileName {
  const day = last && last.day > today ? last.day : today;
  const n = last?.day === day ? last.n + 1 : 1;
  return { name: `egress-${day}-${n}.jsonl`, day, n };
}

/** A name taken apart; undefined when it is no audit file. */
export function parseFileName(name: string): FileName | undefined {
  const parts = NAME.exec(name);
  return parts ? { name, day: parts[1] as string, n: Number(parts[2]) } : undefined;
}

/** The audit's files, oldest first. */
export function auditFiles(dir: string): FileName[] {
  return readdirSync(dir)
    .flatMap((name) => parseFileName(name) ?? [])
    .sort((a, b) => (a.day === b.day ? a.n - b.n : a.day < b.day ? -1 : 1));
}

const PIECE = 256 * 1024;
/** Longer than any row can be: what has no end by then is no line. */
const MAX_LINE = 1024 * 1024;

/** A line, or what stands behind the last line's end. */
export interface Stored {
  readonly line: string;
  /** False for the rest behind the last line's end. */
  readonly ended: boolean;
  readonly bytes: number;
}

/** The lines of a file from `start`. A rest without an end comes last. Bytes are taken as Latin-1: rows are ASCII. */
export function* storedLines(file: string, start = 0): Generator<Stored> {
  const fd = openPlain(file);
  try {
    const piece = Buffer.allocUnsafe(PIECE);
    let at = start;
    let rest = "";
    for (;;) {
      const size = readSync(fd, piece, 0, PIECE, at);
      if (size === 0) break;
      at += size;
      const lines = (rest + piece.toString("latin1", 0, size)).split("\n");
      rest = lines.pop() as string;
      for (const line of lines) yield { line, ended: true, bytes: line.length + 1 };
      if (rest.length > MAX_LINE) {
        yield { line: rest, ended: true, bytes: rest.length };
        rest = "";
      }
    }
    if (rest) yield { line: rest, ended: false, bytes: rest.length };
  } finally {
    closeSync(fd);
  }
}

/** The last whole lines of a file, oldest first, and how many bytes stand behind the last line's end. */
export function fileEnd(file: string, span = PIECE): { lines: string[]; torn: number; size: number } {
  const fd = openPlain(file);
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(0, size - span);
    const buffer = Buffer.alloc(size - start);
    const got = readSync(fd, buffer, 0, buffer.length, start);
    const lines = buffer.toString("latin1", 0, got).split("\n");
    const torn = (lines.pop() as string).length;
    if (start > 0) lines.shift(); // Its beginning is outside.
    return { lines, torn, size };
  } finally {
    closeSync(fd);
  }
}
