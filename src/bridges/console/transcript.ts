/**
 * The console's own record of what was said: `<home>/console/transcript.jsonl`, one entry a line, fsynced.
 * An entry is written once: a second one with the same id changes nothing, which makes delivery repeatable.
 * Bounded: old lines go when the file has twice as many as are kept.
 */
import { type FileHandle, mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";

/** A button under an entry or card; pressing it hands `data` back. */
export const ConsoleButton = z.object({ label: z.string(), data: z.string() });

/** One visible message. `seq` rises by one and is the event id of the stream. */
export const TranscriptEntry = z.looseObject({
  v: z.literal(1),
  seq: z.number(),
  id: z.string(),
  at: z.number(),
  chat: z.string(),
  role: z.enum(["user", "final", "failure", "notice"]),
  markdown: z.string(),
  /** The user's message that this answers; empty if none. */
  replyTo: z.string(),
  turnId: z.string(),
  buttons: z.array(ConsoleButton).optional(),
});
export type TranscriptEntry = z.infer<typeof TranscriptEntry>;

/** What a caller gives; the transcript adds the rest. */
export type NewEntry = Pick<
  TranscriptEntry,
  "id" | "chat" | "role" | "markdown" | "replyTo" | "turnId" | "buttons"
>;

/** Entries that are kept. */
const KEPT = 1_000;

/** The transcript of one home. */
export class Transcript {
  private readonly file: string;
  private handle: FileHandle;
  private entries: TranscriptEntry[];
  private ids: Set<string>;
  private lines: number;
  private tail: Promise<unknown> = Promise.resolve();
  private readonly listeners = new Set<(entry: TranscriptEntry) => void>();

  private constructor(file: string, handle: FileHandle, entries: TranscriptEntry[]) {
    this.file = file;
    this.handle = handle;
    this.entries = entries;
    this.lines = entries.length;
    this.ids = new Set(entries.map((entry) => entry.id));
  }

  /** Opens or makes the file; a line that a crash cut short is dropped. */
  static async open(file: string): Promise<Transcript> {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const entries = await readEntries(file);
    await replace(file, entries);
    return new Transcript(file, await open(file, "a", 0o600), entries);
  }

  /** The newest entry's seq, 0 when there is none. */
  get lastSeq(): number {
    return this.entries.at(-1)?.seq ?? 0;
  }

  /** Entries after `seq`, oldest first. */
  after(seq: number): TranscriptEntry[] {
    return this.entries.filter((entry) => entry.seq > seq);
  }

  /** Adds an entry durably; resolves to the one that is stored, which is the first of its id. */
  append(entry: NewEntry): Promise<void> {
    const work = this.tail.then(() => this.write(entry));
    this.tail = work.catch(() => {});
    return work;
  }

  /** Calls back for each new entry, after it is durable. */
  listen(listener: (entry: TranscriptEntry) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Waits for writes and closes the file. */
  async close(): Promise<void> {
    await this.tail;
    await this.handle.close();
  }

  private async write(entry: NewEntry): Promise<void> {
    if (this.ids.has(entry.id)) return;
    if (this.lines >= 2 * KEPT) await this.compact();
    const full: TranscriptEntry = { v: 1, seq: this.lastSeq + 1, at: Date.now(), ...entry };
    await this.handle.appendFile(`${JSON.stringify(full)}\n`);
    await this.handle.datasync();
    this.lines += 1;
    this.ids.add(full.id);
    this.entries.push(full);
    for (const listener of this.listeners) listener(full);
  }

  private async compact(): Promise<void> {
    this.entries = this.entries.slice(-KEPT);
    this.ids = new Set(this.entries.map((entry) => entry.id));
    this.lines = this.entries.length;
    await replace(this.file, this.entries);
    await this.handle.close();
    this.handle = await open(this.file, "a", 0o600);
  }
}

async function readEntries(file: string): Promise<TranscriptEntry[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const entries: TranscriptEntry[] = [];
  for (const line of text.split("\n")) {
    const entry = parseLine(line);
    if (entry) entries.push(entry);
  }
  return entries.slice(-KEPT);
}

function parseLine(line: string): TranscriptEntry | undefined {
  try {
    return TranscriptEntry.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** Writes a whole new file beside the old one and swaps them. */
async function replace(file: string, entries: TranscriptEntry[]): Promise<void> {
  const next = `${file}.next`;
  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
  await writeFile(next, text, { mode: 0o600, flush: true });
  await rename(next, file);
}
