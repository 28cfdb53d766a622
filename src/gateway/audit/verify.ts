/**
 * Checks the whole audit: each row's MAC, numbers without a gap, anchored heads. Reads only. Says where something is
 * wrong and what can't be known: rows after the last anchor may have been cut off unseen.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Anchor, readAnchors } from "./anchors.ts";
import { GENESIS, type Head, type Line, macOf, parseLine } from "./chain.ts";
import { type AuditPlaces, auditFiles, type FileName, storedLines } from "./files.ts";
import { readKey } from "./key.ts";

/** Something that shouldn't be so. `line` 0: the file as a whole. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** What the check found. */
export interface Verdict {
  /** `no-key`: the audit was never used, or its key is gone. */
  readonly kind: "intact" | "broken" | "no-key";
  readonly files: number;
  readonly rows: number;
  readonly first: number;
  readonly last: number;
  readonly problems: readonly Problem[];
  /** Half rows at the end of files, left by a kill or a power failure. No tampering. */
  readonly torn: readonly { file: string; bytes: number }[];
  readonly anchor?: Anchor;
  /** Rows behind the last anchor: intact, but more may have been there. */
  readonly unanchored: number;
}

/** Problems reported at most; the rest is counted by nobody. */
const MAX_PROBLEMS = 100;

/** See the module's header. @throws the system's error when something can't be read */
export function verifyAudit(places: AuditPlaces): Verdict {
  for (let tries = 3; ; tries--) {
    const before = auditFiles(places.dir)[0]?.name;
    // A file that was rotated away meanwhile looks like one that somebody took: look again.
    const moved = () => tries > 1 && auditFiles(places.dir)[0]?.name !== before;
    try {
      const verdict = verifyOnce(places);
      if (verdict.kind !== "broken" || !moved()) return verdict;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || !moved()) throw error;
    }
  }
}

function verifyOnce(places: AuditPlaces): Verdict {
  const key = readKey(places.keyFile);
  const nothing = { files: 0, rows: 0, first: 0, last: 0, problems: [], torn: [], unanchored: 0 };
  if (!key) return { kind: "no-key", ...nothing };
  const problems: Problem[] = [];
  const note = (file: string, line: number, what: string) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ file, line, what });
  };

  // Anchors before rows: whatever they saw must be there by now.
  const known = existsSync(places.anchorsFile);
  const { anchors, bad } = known ? readAnchors(key, places.anchorsFile) : { anchors: [], bad: [] };
  for (const line of bad) note(places.anchorsFile, line, "this anchor was changed or isn't ours");
  const files = auditFiles(places.dir);
  const start = startOf(places, files, anchors);
  if (anchors.length === 0) note(places.anchorsFile, 0, "there is no anchor: missing rows can't be found");

  const walk = new Walk(start ? { seq: start.seq, mac: start.head } : GENESIS, anchors, (previous, text) =>
    macOf(key, previous, text),
  );
  const torn: { file: string; bytes: number }[] = [];
  for (const { name } of files) {
    const path = join(places.dir, name);
    let number = 0;
    for (const { line, ended, bytes } of storedLines(path)) {
      number += 1;
      if (!ended) torn.push({ file: path, bytes });
      else for (const what of walk.step(line)) note(path, number, what);
    }
  }
  const furthest = anchors.reduce<(typeof anchors)[number] | undefined>(
    (most, one) => (most && most.anchor.seq > one.anchor.seq ? most : one),
    undefined,
  );
  if (furthest && furthest.anchor.seq > walk.highest) {
    const { seq, time, file } = furthest.anchor;
    note(
      join(places.dir, files.at(-1)?.name ?? file),
      0,
      `rows ${walk.highest + 1}–${seq} are missing at the end: the anchor of ${time} (line ${furthest.line}) saw them in ${file}`,
    );
  }
  const anchor = furthest?.anchor;
  const anchored = Math.max(start?.seq ?? 0, furthest?.anchor.seq ?? 0);
  return {
    kind: problems.length > 0 ? "broken" : "intact",
    files: files.length,
    rows: walk.rows,
    first: walk.first,
    last: walk.highest,
    problems,
    torn,
    ...(anchor ? { anchor } : {}),
    unanchored: Math.max(0, walk.highest - anchored),
  };
}

/** The head behind which the oldest file begins, when the log itself removed what was before. */
function startOf(
  { dir }: AuditPlaces,
  files: readonly FileName[],
  anchors: readonly { anchor: Anchor }[],
): Anchor | undefined {
  const prunes = anchors.flatMap(({ anchor }) => (anchor.kind === "prune" ? anchor : []));
  for (const { name } of files) {
    for (const { line } of storedLines(join(dir, name))) {
      const first = parseLine(line)?.seq;
      if (first === 1) return undefined;
      // Between the anchor and the removal the file is still there: then an older one counts.
      return prunes.findLast((anchor) => anchor.seq + 1 === first) ?? prunes.at(-1);
    }
  }
  return prunes.at(-1);
}

/** The chain, row by row. */
class Walk {
  rows = 0;
  first = 0;
  highest: number;
  /** What the next row must follow. */
  #head: Head;
  /** The last row whose MAC was right: after a foreign row the chain may go on from there. */
  #good: Head;
  readonly #heads = new Map<number, Anchor>();
  readonly #mac: (previous: string, text: string) => string;

  constructor(
    start: Head,
    anchors: readonly { anchor: Anchor }[],
    mac: (previous: string, text: string) => string,
  ) {
    this.#head = start;
    this.#good = start;
    this.highest = start.seq;
    this.#mac = mac;
    for (const { anchor } of anchors) this.#heads.set(anchor.seq, anchor);
  }

  /** What is wrong with this line. */
  step(text: string): string[] {
    this.rows += 1;
    const row = parseLine(text);
    if (!row) return ["this isn't an audit row: changed, or written by somebody else"];
    this.first ||= row.seq;
    if (this.#follows(this.#head, row) || this.#follows(this.#good, row)) {
      const anchor = this.#heads.get(row.seq);
      this.#accept(row);
      this.#good = this.#head;
      if (!anchor || anchor.head === row.mac) return [];
      return [`row ${row.seq} isn't the one that was anchored at ${anchor.time}: the rows were rewritten`];
    }
    const expected = this.#head.seq + 1;
    if (row.seq < expected)
      return [`row ${row.seq} is repeated, inserted or out of order; ${expected} was due`];
    this.#accept(row);
    if (row.seq === expected)
      return [`row ${row.seq} was changed or inserted, or the row before it was: its MAC is wrong`];
    const missing = row.seq - 1 === expected ? `row ${expected} is` : `rows ${expected}–${row.seq - 1} are`;
    return [`${missing} missing before row ${row.seq}`];
  }

  #follows(head: Head, row: Line): boolean {
    return row.seq === head.seq + 1 && this.#mac(head.mac, row.text) === row.mac;
  }

  #accept({ seq, mac }: Line): void {
    this.#head = { seq, mac };
    this.highest = Math.max(this.highest, seq);
  }
}
