/**
 * Copies of one home: `snapshots/<id>/v1.tar.gz` with `v1.json` beside it, which is written last, so that what it names is
 * whole. The files are read and written by a program that sees only that home (sandbox/at-rest); what a snapshot holds is
 * the agent's word: nothing but files, directories and links comes back, without special permissions.
 */
import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { extract } from "tar-stream";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";
import type { RestingHomes } from "../../sandbox/index.ts";
import { isInside } from "../backup/format.ts";
import type { Reached } from "./reach.ts";

/** What is known of a snapshot. */
const Snapshot = z.object({
  v: z.literal(1),
  /** 1, 2, …: never given out twice while a later one is there. */
  version: z.number().int().min(1),
  name: z.string().max(64),
  /** ISO time. */
  at: z.string(),
  bytes: z.number(),
  sha256: z.string(),
});
export type Snapshot = z.infer<typeof Snapshot>;

const fileOf = ({ paths, id }: Reached, version: number) => join(paths.snapshots(id), `v${version}.tar.gz`);

/** All that are whole, oldest first. */
export function listSnapshots({ paths, id }: Reached): Snapshot[] {
  const dir = paths.snapshots(id);
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return [];
  }
  return names
    .filter((name) => /^v\d+\.json$/.test(name))
    .flatMap((name) => {
      try {
        return [Snapshot.parse(JSON.parse(readFileSync(join(dir, name), "utf8")))];
      } catch {
        return [];
      }
    })
    .sort((a, b) => a.version - b.version);
}

/** The one of that version (`3`, `v3`) or name. @throws Fault `snapshot-unknown` */
export function findSnapshot(sandbox: Reached, wanted: string): Snapshot {
  const all = listSnapshots(sandbox);
  const found = all.findLast(
    ({ version, name }) => wanted === `v${version}` || wanted === `${version}` || wanted === name,
  );
  if (found) return found;
  throw new Fault({
    code: "snapshot-unknown",
    message: `${sandbox.name} has no snapshot ${wanted}`,
    hint:
      all.length > 0
        ? `there are: ${all.map(({ version }) => `v${version}`).join(", ")}`
        : "there is none yet",
  });
}

/** Makes one of a home at rest. */
export async function createSnapshot(sandbox: Reached, homes: RestingHomes, name: string): Promise<Snapshot> {
  const version = (listSnapshots(sandbox).at(-1)?.version ?? 0) + 1;
  const file = fileOf(sandbox, version);
  const part = `${file}.part`;
  mkdirSync(sandbox.paths.snapshots(sandbox.id), { recursive: true, mode: 0o700 });
  try {
    const { stream, done } = homes.pack(sandbox.id);
    // Homes hold what compresses well and what doesn't at all: the quick level is right for both.
    await pipeline(stream, createGzip({ level: 1 }), createWriteStream(part, { mode: 0o600 }));
    await done;
    const synced = await open(part, "r");
    await synced.sync();
    await synced.close();
    await rename(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
  const { size: bytes } = await stat(file);
  const snapshot = {
    ...{ v: 1 as const, version, name, at: new Date().toISOString(), bytes },
    sha256: await digestOf(file),
  };
  writeFileSync(join(sandbox.paths.snapshots(sandbox.id), `v${version}.json`), JSON.stringify(snapshot), {
    mode: 0o600,
  });
  return snapshot;
}

/** @throws Fault `snapshot-damaged`, before anything is changed. */
export async function verifySnapshot(sandbox: Reached, { version, sha256 }: Snapshot): Promise<void> {
  const found = await digestOf(fileOf(sandbox, version)).catch(() => "");
  if (found === sha256) return;
  throw new Fault({
    code: "snapshot-damaged",
    message: `snapshot v${version} of ${sandbox.name} is damaged or was changed`,
    hint: "nothing was restored; take another one",
  });
}

/** Makes the home, at rest, what it was: what isn't in the snapshot goes. */
export async function restoreSnapshot(
  sandbox: Reached,
  homes: RestingHomes,
  { version }: Snapshot,
): Promise<void> {
  const { UserFiles } = await import("../backup/user-files.ts");
  await homes.empty(sandbox.id);
  const files = new UserFiles(homes, () => {});
  const entries = extract();
  const raw = createReadStream(fileOf(sandbox, version));
  const unzipped = createGunzip();
  const fail = (error: Error) => entries.destroy(error);
  raw.on("error", fail).pipe(unzipped).on("error", fail);
  unzipped.pipe(entries as unknown as NodeJS.WritableStream);
  for await (const entry of entries) {
    const { header } = entry;
    const inside = header.name.replace(/^\.\//, "").replace(/\/$/, "");
    const taken = isInside(inside) && ["file", "directory", "symlink"].includes(header.type ?? "file");
    if (taken) {
      const content = entry as unknown as AsyncIterable<Buffer>;
      await files.take(sandbox.id, inside, {
        place: { kind: "user", id: sandbox.id, inside },
        header,
        content,
      });
    }
    entry.resume();
  }
  await files.finish();
}

/** Removes all of a sandbox that is destroyed. Returns how many there were. */
export function removeSnapshots(sandbox: Reached): number {
  const count = listSnapshots(sandbox).length;
  rmSync(sandbox.paths.snapshots(sandbox.id), { recursive: true, force: true });
  return count;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
