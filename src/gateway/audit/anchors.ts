/**
 * Heads of the chain, kept away from the rows: what an anchor has seen can't be cut off unseen. Lines carry a MAC of
 * their own. Appended only; superseded ones are taken out when the file has grown, by an atomic replacement.
 */
import type { KeyObject } from "node:crypto";
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { z } from "zod";
import { type Head, macOf } from "./chain.ts";
import { fileEnd, storedLines } from "./files.ts";

/** Why an anchor was set. `prune`: older rows were removed by the log itself, which starts behind this head now. */
export const ANCHOR_KINDS = ["open", "tick", "hour", "rotate", "prune", "close"] as const;

const Anchor = z.object({
  kind: z.enum(ANCHOR_KINDS),
  time: z.string(),
  seq: z.number().int().nonnegative(),
  head: z.string().regex(/^[0-9a-f]{64}$/),
  file: z.string(),
});

/** A head that was seen. */
export type Anchor = z.infer<typeof Anchor>;

/** Apart from rows: an anchor's MAC is never a row's. */
const DOMAIN = "nemoclaw audit anchor ";
const SHAPE = /^(\{.*),"seal":"([0-9a-f]{64})"\}$/;

/** The anchor as a line. */
export function anchorLine(key: KeyObject, anchor: Anchor): string {
  const { kind, time, seq, head, file } = anchor;
  const text = JSON.stringify({ kind, time, seq, head, file });
  return `${text.slice(0, -1)},"seal":"${macOf(key, DOMAIN, text)}"}`;
}

/** The anchor of a line; undefined when it isn't one that was made with this key. */
export function parseAnchor(key: KeyObject, line: string): Anchor | undefined {
  const parts = SHAPE.exec(line);
  if (!parts || macOf(key, DOMAIN, `${parts[1]}}`) !== parts[2]) return undefined;
  const anchor = Anchor.safeParse(JSON.parse(`${parts[1]}}`));
  return anchor.success ? anchor.data : undefined;
}

/** All anchors of a file and the numbers of the lines that are none. A cut last line is nobody's fault. */
export function readAnchors(
  key: KeyObject,
  file: string,
): { anchors: { anchor: Anchor; line: number }[]; bad: number[] } {
  const anchors: { anchor: Anchor; line: number }[] = [];
  const bad: number[] = [];
  let line = 0;
  for (const stored of storedLines(file)) {
    if (!stored.ended) break;
    line += 1;
    const anchor = parseAnchor(key, stored.line);
    if (anchor) anchors.push({ anchor, line });
    else bad.push(line);
  }
  return { anchors, bad };
}

/** Those worth keeping: of the seconds only the last, nothing from before the removed rows, hours of a month. */
export function worthKeeping(anchors: readonly Anchor[]): Anchor[] {
  const start = anchors.findLast((anchor) => anchor.kind === "prune");
  const hours = new Set(anchors.filter((anchor) => anchor.kind === "hour").slice(-24 * 31));
  const last = anchors.at(-1);
  return anchors.filter(
    (anchor) =>
      anchor === last ||
      anchor === start ||
      hours.has(anchor) ||
      ((anchor.kind === "rotate" || anchor.kind === "close") && anchor.seq > (start?.seq ?? 0)),
  );
}

function openForAppending(file: string, more = 0): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  return openSync(file, flags | more, 0o600);
}

/** The file of anchors, open for appending. */
export class AnchorFile {
  readonly #file: string;
  readonly #key: KeyObject;
  readonly #compactAt: number;
  #fd: number;
  #size: number;
  #inode: number;

  /** @param compactAt bytes above which superseded anchors are taken out */
  constructor(file: string, key: KeyObject, compactAt = 1024 * 1024) {
    this.#file = file;
    this.#key = key;
    this.#compactAt = compactAt;
    this.#fd = openForAppending(file);
    const { size, ino } = fstatSync(this.#fd);
    this.#size = size;
    this.#inode = ino;
    // A line that a power failure cut: gone, so that the next one starts on its own.
    if (size > 0) {
      const { torn } = fileEnd(file);
      if (torn > 0) this.#cutTo(size - torn);
    }
  }

  /** Appends one. @throws the system's error; the file is as before then. */
  append(anchor: Anchor, sync: boolean): void {
    const bytes = Buffer.from(`${anchorLine(this.#key, anchor)}\n`, "latin1");
    this.#reopenIfGone();
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      if (done > 0) this.#cutTo(this.#size);
      throw error;
    }
    this.#size += bytes.length;
    if (sync) fdatasyncSync(this.#fd);
  }

  /** Takes out what is superseded, when there is much. A crash leaves the old file or the new one. */
  compact(): void {
    if (this.#size < this.#compactAt) return;
    const { anchors, bad } = readAnchors(this.#key, this.#file);
    if (bad.length > 0) return; // Evidence stays.
    const kept = worthKeeping(anchors.map(({ anchor }) => anchor));
    const fresh = `${this.#file}.new`;
    rmSync(fresh, { force: true });
    const fd = openForAppending(fresh, constants.O_EXCL);
    try {
      const bytes = Buffer.from(
        kept.map((anchor) => `${anchorLine(this.#key, anchor)}\n`).join(""),
        "latin1",
      );
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      fdatasyncSync(fd);
      renameSync(fresh, this.#file);
      closeSync(this.#fd);
      this.#fd = fd;
      this.#size = bytes.length;
      this.#inode = fstatSync(fd).ino;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Somebody removed the file: anchors go on in a new one, where they can be found. */
  #reopenIfGone(): void {
    if (statSync(this.#file, { throwIfNoEntry: false })?.ino === this.#inode) return;
    const fd = openForAppending(this.#file);
    closeSync(this.#fd);
    this.#fd = fd;
    const { size, ino } = fstatSync(fd);
    this.#size = size;
    this.#inode = ino;
  }

  #cutTo(size: number): void {
    ftruncateSync(this.#fd, size);
    this.#size = size;
  }
}

/** The head of an anchor. */
export function headOf(anchor: Anchor): Head {
  return { seq: anchor.seq, mac: anchor.head };
}
