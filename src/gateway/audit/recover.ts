/**
 * Where the chain goes on after a start: the last whole row, or the last anchor when rows before it are missing, so that
 * the gap stays visible. Changes nothing.
 */
import type { KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { headOf, readAnchors } from "./anchors.ts";
import { GENESIS, type Head, macOf, parseLine } from "./chain.ts";
import { type AuditPlaces, auditFiles, type FileName, fileEnd } from "./files.ts";

/** What was found. */
export interface Recovered {
  readonly head: Head;
  /** The newest file, whatever is in it. */
  readonly last?: FileName;
  /** Whether rows may be added to it. */
  readonly whole: boolean;
  /** Bytes of half a row at its end. */
  readonly torn: number;
  /** The anchored row that isn't there. */
  readonly missing?: number;
  /** There are rows, but nothing has ever anchored them. */
  readonly unanchored: boolean;
}

/** See the module's header. @throws the system's error when something can't be read */
export function recover(places: AuditPlaces, key: KeyObject): Recovered {
  const { anchors } = existsSync(places.anchorsFile) ? readAnchors(key, places.anchorsFile) : { anchors: [] };
  let anchored: Head = GENESIS;
  for (const { anchor } of anchors) if (anchor.seq > anchored.seq) anchored = headOf(anchor);

  const files = auditFiles(places.dir);
  const last = files.at(-1);
  let head: Head = GENESIS;
  let torn = 0;
  let whole = false;
  for (const file of files.toReversed()) {
    const end = fileEnd(join(places.dir, file.name));
    if (file === last) {
      torn = end.torn;
      whole = torn === 0 && soundEnd(end.lines, key);
    }
    const row = end.lines.toReversed().flatMap((line) => parseLine(line) ?? [])[0];
    if (!row) continue;
    head = { seq: row.seq, mac: row.mac };
    break;
  }
  const unanchored = head.seq > 0 && anchors.length === 0;
  const found = { whole, torn, unanchored, ...(last ? { last } : {}) };
  if (anchored.seq > head.seq) return { ...found, head: anchored, whole: false, missing: anchored.seq };
  return { ...found, head };
}

/** The last row is one of ours, as far as the one before it tells. An empty file is sound. */
function soundEnd(lines: readonly string[], key: KeyObject): boolean {
  if (lines.length === 0) return true;
  const row = parseLine(lines.at(-1) as string);
  if (!row || lines.length === 1) return row !== undefined;
  const before = parseLine(lines.at(-2) as string);
  return before !== undefined && macOf(key, before.mac, row.text) === row.mac;
}

/** The last row of a file that is about to be removed. */
export function lastHead(file: string): Head | undefined {
  return fileEnd(file)
    .lines.toReversed()
    .flatMap((line) => parseLine(line) ?? [])[0];
}
