/**
 * The audit's writer. Rows of one tick share one write, under load those of two milliseconds; an allowed row resolves when that write is done, so it is on
 * record even if this process is killed the next moment. What can't be written is rejected and the head goes back to
 * the last row that is in the file: the chain never has a gap of its own. There must be one writer per home.
 */
import { describeError, Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import type { AuditPort, AuditRow } from "../egress/proxy/index.ts";
import { type Head, macWriter, sealed } from "./chain.ts";
import { type AuditPlaces, nextFile } from "./files.ts";
import { Keeper } from "./keeper.ts";
import { ensureKey } from "./key.ts";
import { recover } from "./recover.ts";
import { type NoteKind, type NoteValue, noteTail, rowTail } from "./row.ts";
import { Segment, type Written } from "./segment.ts";

/** What the log is made of. */
export interface AuditLogOptions {
  readonly places: AuditPlaces;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  /** `second`: on the disk within a second. `row`: an allowed row resolves only when it is on the disk. */
  readonly fsync?: "row" | "second";
  /** A file is ended above this size. Default 64 MB. */
  readonly maxBytes?: number;
  /** How many files are kept. Default 30. */
  readonly keepFiles?: number;
  /** The person behind a sandbox; today they have one name. */
  readonly userOf?: (sandboxId: string) => string;
  /** For tests. */
  readonly now?: () => number;
}

type Queued = "decision" | "close" | "note";

/** A row that waits for its write. */
interface Entry {
  readonly tail: string;
  readonly what: Queued | "lost";
  readonly done?: (error?: Error) => void;
}

/** Rows of one write at most; the rest follows in the next. */
const MAX_BATCH = 512;
/** Waiting rows above which none is taken any more: the disk hangs. */
const MAX_QUEUE = 20_000;
/** A close row may wait this long for company. */
const LINGER_MS = 20;
/**
 * Rows that somebody waits for come in a rush when so many were put within so long: then they wait two milliseconds for
 * each other. A write costs as much as the rest of a tunnel's bookkeeping; a lone row never waits.
 */
const RUSH_ROWS = 4;
const RUSH_MS = 2;
/** A write that took longer shows a slow disk: for a while writes go through the thread pool. */
const SLOW_MS = 50;
const SLOW_FOR_MS = 60_000;

/** See the module's header. */
export class AuditLog implements AuditPort {
  readonly #options: AuditLogOptions;
  readonly #macOf: (previous: string, text: string) => string;
  readonly #keeper: Keeper;
  readonly #now: () => number;
  readonly #userOf: (sandboxId: string) => string;
  readonly #maxBytes: number;
  #head: Head;
  #last: ReturnType<typeof nextFile> | undefined;
  #segment: Segment | undefined;
  #queue: Entry[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #rushing: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;
  /** When the last rows came that somebody waits for; a ring. */
  readonly #urgent = new Float64Array(RUSH_ROWS).fill(Number.NEGATIVE_INFINITY);
  #next = 0;
  #writing: Promise<void> | undefined;
  #slowUntil = 0;
  #lost = { decisions: 0, closes: 0, notes: 0, since: "" };
  #closed = false;
  #timeMs = -1;
  #timeText = "";

  /** Opens the log of a home; makes the key at the first start. @throws Fault `audit-unusable` */
  static open(options: AuditLogOptions): AuditLog {
    try {
      return new AuditLog(options);
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw new Fault({
        code: "audit-unusable",
        message: `the audit in ${options.places.dir} can't be used: ${describeError(error)}`,
        hint: "the directory and secrets/gateway must belong to the gateway's user and have room",
        cause: error,
      });
    }
  }

  private constructor(options: AuditLogOptions) {
    const { places, logger } = options;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#userOf = options.userOf ?? ((sandboxId) => sandboxId);
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    const key = ensureKey(places.keyFile);
    this.#macOf = macWriter(key);
    const found = recover(places, key);
    this.#head = found.head;
    this.#last = found.last;
    if (found.last && found.whole) this.#segment = Segment.reopen(places.dir, found.last);
    this.#keeper = new Keeper({
      places,
      key,
      logger,
      keepFiles: Math.max(2, options.keepFiles ?? 30),
      now: () => this.#time(),
      state: () => ({ segment: this.#segment, head: this.#head, file: this.#last?.name ?? "" }),
    });
    if (found.missing !== undefined) {
      logger.error({ seq: found.missing, code: "audit-shorter" }, "anchored audit rows are missing");
    }
    if (found.unanchored) {
      logger.error({ code: "audit-anchors-gone" }, "there are audit rows but no anchors");
      void this.note("audit.unanchored", { seq: found.head.seq });
    }
    if (found.torn > 0) void this.note("audit.torn", { file: found.last?.name, bytes: found.torn });
  }

  /** The newest row that is in the file. */
  get head(): Head {
    return this.#head;
  }

  /** An allowed row resolves when it is written and rejects when it can't be. A denied one is only queued. */
  decided(row: AuditRow): void | Promise<void> {
    const tail = rowTail(row, this.#time(), this.#userOf(row.sandboxId));
    if (row.verdict === "deny") return this.#put({ tail, what: "decision" }, true);
    return new Promise((resolve, reject) => {
      const done = (error?: Error) => (error ? reject(error) : resolve());
      this.#put({ tail, what: "decision", done }, true);
    });
  }

  /** Best effort: lost ones are counted. */
  closed(row: AuditRow): void {
    this.#put({ tail: rowTail(row, this.#time(), this.#userOf(row.sandboxId)), what: "close" }, false);
  }

  /** Something else that belongs on record. Need not be awaited; rejects when it can't be written. */
  note(kind: NoteKind, fields: Readonly<Record<string, NoteValue>>): Promise<void> {
    const tail = noteTail(kind, fields, this.#time(), this.#userOf);
    const written = new Promise<void>((resolve, reject) => {
      const done = (error?: Error) => (error ? reject(error) : resolve());
      this.#put({ tail, what: "note", done }, true);
    });
    written.catch(() => {}); // Who doesn't await it must not end the process.
    return written;
  }

  /** Writes what waits, brings it to the disk and anchors the end. Rows after it are refused. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#queue.length > 0 || this.#writing) {
      this.#flush();
      await this.#writing;
    }
    clearImmediate(this.#scheduled);
    clearTimeout(this.#rushing);
    clearTimeout(this.#lingering);
    await this.#keeper.close();
  }

  #put(entry: Entry, soon: boolean): void {
    if (this.#closed || this.#queue.length >= MAX_QUEUE) {
      this.#lose(entry, new Fault({ code: "audit-backlog", message: "the audit takes no more rows" }));
      return;
    }
    this.#queue.push(entry);
    if (soon) this.#flushSoon();
    else if (!this.#scheduled && !this.#rushing)
      this.#lingering ??= setTimeout(() => this.#flush(), LINGER_MS);
  }

  #flushSoon(): void {
    const now = performance.now();
    const before = this.#urgent[this.#next] as number;
    this.#urgent[this.#next] = now;
    this.#next = (this.#next + 1) % RUSH_ROWS;
    if (this.#scheduled || this.#rushing) return;
    if (now - before < RUSH_MS) this.#rushing = setTimeout(() => this.#flush(), RUSH_MS);
    else this.#scheduled = setImmediate(() => this.#flush());
  }

  /** Writes a batch; more while there are rows. Never two at once. */
  #flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (this.#rushing) clearTimeout(this.#rushing);
    this.#rushing = undefined;
    if (this.#lingering) clearTimeout(this.#lingering);
    this.#lingering = undefined;
    while (!this.#writing && this.#queue.length > 0) {
      const batch = this.#queue.length <= MAX_BATCH ? this.#queue : this.#queue.slice(0, MAX_BATCH);
      this.#queue = batch === this.#queue ? [] : this.#queue.slice(MAX_BATCH);
      let segment: Segment;
      try {
        segment = this.#current();
      } catch (error) {
        this.#failed(batch, error as Error);
        continue;
      }
      this.#write(segment, this.#lost.since ? [this.#lostNote(), ...batch] : batch);
    }
  }

  #write(segment: Segment, batch: Entry[]): void {
    const macs: string[] = [];
    const ends: number[] = [];
    let { seq, mac } = this.#head;
    let text = "";
    for (const { tail } of batch) {
      seq += 1;
      const row = `{"seq":${seq}${tail}`;
      mac = this.#macOf(mac, row);
      text += `${sealed(row, mac)}\n`;
      macs.push(mac);
      ends.push(text.length); // Rows are ASCII: characters are bytes.
    }
    const bytes = Buffer.from(text, "latin1");
    const settle = (written: Written) => this.#settle(segment, batch, macs, ends, written);
    const start = performance.now();
    // While the file is being synced the kernel may hold a write up; the event loop must not wait for that.
    if (this.#keeper.busy || start < this.#slowUntil) {
      this.#writing = segment.writeLater(bytes).then((written) => {
        this.#writing = undefined;
        settle(written);
        this.#flush();
      });
      return;
    }
    const written = segment.writeNow(bytes);
    const end = performance.now();
    if (end - start > SLOW_MS) this.#slowUntil = end + SLOW_FOR_MS;
    settle(written);
  }

  /** Rows that are whole in the file are on record; the others never were. */
  #settle(segment: Segment, batch: Entry[], macs: string[], ends: number[], { bytes, error }: Written): void {
    let count = ends.length;
    while (count > 0 && (ends[count - 1] as number) > bytes) count -= 1;
    const whole = count > 0 ? (ends[count - 1] as number) : 0;
    segment.settle(whole, bytes - whole);
    if (count > 0) {
      this.#head = { seq: this.#head.seq + count, mac: macs[count - 1] as string };
      if (batch[0]?.what === "lost") {
        this.#options.logger.info(
          { ...this.#lost, code: "audit-writable" },
          "audit rows can be written again",
        );
        this.#lost = { decisions: 0, closes: 0, notes: 0, since: "" };
      }
      this.#keeper.written();
      if (this.#options.fsync === "row") {
        const waiters = batch.slice(0, count).flatMap(({ done }) => done ?? []);
        if (waiters.length > 0) this.#keeper.syncFor(waiters);
      } else for (let i = 0; i < count; i++) batch[i]?.done?.();
    }
    if (count < batch.length) this.#failed(batch.slice(count), error ?? new Error("short write"));
  }

  /** The file for the next rows: a new one when there is none, on a new day, when it is full or can't be trusted. */
  #current(): Segment {
    const old = this.#segment;
    const today = this.#time().slice(0, 10);
    if (old && !old.spent && old.size < this.#maxBytes && old.file.day >= today) return old;
    const file = nextFile(this.#last, today);
    const fresh = Segment.create(this.#options.places.dir, file);
    this.#last = file;
    this.#segment = fresh;
    this.#keeper.rotated(old, this.#head);
    return fresh;
  }

  #failed(batch: Entry[], cause: Error): void {
    const fault = new Fault({
      code: "audit-unwritable",
      message: `audit rows can't be written: ${describeError(cause)}`,
      hint: "egress is denied until they can: make room on the disk that holds the home",
      retryable: true,
      cause,
    });
    if (!this.#lost.since) {
      this.#options.logger.error(
        { code: fault.code, error: describeError(cause) },
        "audit rows can't be written",
      );
    }
    for (const entry of batch) this.#lose(entry, fault);
  }

  #lose({ what, done }: Entry, error: Error): void {
    if (what !== "lost") {
      this.#lost.since ||= this.#time();
      if (what === "decision") this.#lost.decisions += 1;
      else if (what === "close") this.#lost.closes += 1;
      else this.#lost.notes += 1;
    }
    done?.(error);
  }

  #lostNote(): Entry {
    return { tail: noteTail("audit.lost", this.#lost, this.#time(), this.#userOf), what: "lost" };
  }

  #time(): string {
    const now = this.#now();
    if (now !== this.#timeMs) {
      this.#timeMs = now;
      this.#timeText = new Date(now).toISOString();
    }
    return this.#timeText;
  }
}
