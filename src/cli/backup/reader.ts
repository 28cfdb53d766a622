/** Reads a backup's archive, entry by entry, and checks its digest. Believes nothing before the last entry was seen. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { type Extract, extract } from "tar-stream";
import { Fault } from "../../lib/errors.ts";
import { Digest, type EntryHeader, invalid, Manifest, type Place, placeOf } from "./format.ts";

/** Largest entry that is read into memory. */
const MAX_SMALL = 16 * 1024 * 1024;

/** One entry; its content must be read or `skip`ped before the next one comes. */
export interface ArchiveEntry {
  readonly place: Place;
  readonly header: EntryHeader;
  readonly content: AsyncIterable<Buffer>;
}

/** The entries of a file, all of them in their order. @throws Fault `backup-invalid` */
export async function* readArchive(file: string): AsyncGenerator<ArchiveEntry> {
  const digest = new Digest();
  let ended = false;
  try {
    for await (const entry of entriesOf(file)) {
      if (ended) throw invalid("something follows its digest");
      const place = placeOf(entry.header);
      if (place.kind === "digest") {
        const wanted = digest.text;
        if ((await small(entry as unknown as AsyncIterable<Buffer>)).toString() !== wanted)
          throw invalid("its digest is another one");
        ended = true;
        continue;
      }
      const hash = digest.open(entry.header);
      let whole = false;
      async function* content(): AsyncGenerator<Buffer> {
        for await (const piece of entry as unknown as AsyncIterable<Buffer>) {
          hash.update(piece);
          yield piece;
        }
        whole = true;
      }
      const pieces = content();
      yield { place, header: entry.header, content: pieces };
      if (!whole) for await (const _ of pieces); // What nobody wanted counts too.
      digest.close(hash);
    }
  } catch (error) {
    if (error instanceof Fault || (error as NodeJS.ErrnoException).syscall) throw error;
    throw invalid(error instanceof Error ? error.message : String(error));
  }
  if (!ended) throw invalid("its end is missing");
}

/** First pass: everything is there as it was written. Returns the manifest. */
export async function verifyArchive(file: string): Promise<Manifest> {
  let manifest: Manifest | undefined;
  for await (const { place, content } of readArchive(file)) {
    if (place.kind === "manifest" && manifest === undefined) manifest = readManifest(await small(content));
    else if (manifest === undefined) throw invalid("it doesn't begin with its manifest");
    else if (place.kind === "manifest") throw invalid("it has two manifests");
    else if ((place.kind === "user" || place.kind === "record") && !manifest.principals.includes(place.id))
      throw invalid(`${place.id} isn't in its manifest`);
  }
  if (manifest === undefined) throw invalid("it is empty");
  return manifest;
}

/** An entry's content in memory. @throws Fault `backup-invalid` when it is too large */
export async function small(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of content) {
    size += piece.length;
    if (size > MAX_SMALL) throw invalid("an entry is larger than it may be");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function readManifest(bytes: Buffer): Manifest {
  const parsed = Manifest.safeParse(JSON.parse(bytes.toString("utf8")));
  if (parsed.success) return parsed.data;
  throw new Fault({
    code: "backup-version",
    message: "this backup's manifest is not one that this version reads",
    hint: "restore it with the version that wrote it, or a newer one",
  });
}

function entriesOf(file: string): Extract {
  const entries = extract();
  const raw = createReadStream(file);
  const unzipped = createGunzip();
  const fail = (error: Error) => entries.destroy(error);
  raw.on("error", fail).pipe(unzipped).on("error", fail);
  unzipped.pipe(entries as unknown as NodeJS.WritableStream);
  return entries;
}
