/**
 * The embedded Redis's append-only files at one instant, also while the server writes. Files that a manifest names are
 * only ever appended to (Redis ≥ 7, "multi part AOF"): hard links keep them although the server may replace them, and
 * whatever was acknowledged lies in the bytes that are there now. A half command at the end is cut off by Redis when it
 * loads them (aof-load-truncated).
 */
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import { readPlain } from "../../lib/plain-file.ts";

/** Folder of the append-only files below `redis/` (Redis's default of `appenddirname`). */
export const AOF_DIR = "appendonlydir";
const TRIES = 20;
const PAUSE_MS = 250;
/** A manifest has a line per file, and few files. */
const MANIFEST_BYTES = 1024 * 1024;

/** Files that belong together. */
export interface RedisSnapshot {
  readonly dir: string;
  readonly names: readonly string[];
  /** Removes the links. */
  remove(): void;
}

/** Undefined when there is no data yet. */
export async function snapshotRedis(paths: Paths): Promise<RedisSnapshot | undefined> {
  const from = join(paths.redis.dir, AOF_DIR);
  if (!existsSync(from)) return undefined;
  const dir = join(paths.redis.dir, `backup-${process.pid}`);
  const remove = () => rmSync(dir, { recursive: true, force: true });
  for (let n = 0; n < TRIES; n++) {
    remove();
    mkdirSync(dir, { mode: 0o700 });
    const names = linkAll(from, dir);
    if (names) return { dir, names, remove };
    await sleep(PAUSE_MS); // The server is just replacing its files.
  }
  remove();
  throw new Fault({
    code: "backup-redis",
    message: `the files in ${from} do not come to rest`,
    retryable: true,
  });
}

/** The names, or undefined when the manifest changed meanwhile. */
function linkAll(from: string, to: string): string[] | undefined {
  const manifest = readdirSync(from).find((name) => name.endsWith(".manifest"));
  if (!manifest) return undefined;
  const read = () => readPlain(join(from, manifest), MANIFEST_BYTES).toString("utf8");
  const before = read();
  // `file NAME seq N type b|i|h`, one a line; history files (h) are on their way out.
  const named = [...before.matchAll(/^file ([\w.-]+) seq \d+ type [bi]$/gm)].map(([, name]) => name ?? "");
  try {
    for (const name of [...named, manifest]) linkSync(join(from, name), join(to, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return read() === before ? [...named, manifest] : undefined;
}
