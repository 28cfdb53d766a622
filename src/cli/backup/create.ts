/** `nemoclaw backup`: everything a user would cry over, in one file. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { auditFiles } from "../../gateway/index.ts";
import { describeError, Fault } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import { RestingHomes } from "../../sandbox/index.ts";
import { version } from "../version.ts";
import { MANIFEST, type Manifest, SECRETS } from "./format.ts";
import { AOF_DIR, snapshotRedis } from "./redis-files.ts";
import { bringToRest, type Rest } from "./rest.ts";
import { seal } from "./secret-box.ts";
import { readSecretFiles } from "./secret-files.ts";
import { ArchiveWriter } from "./writer.ts";

/** What the operator chose. */
export interface BackupPlan {
  readonly paths: Paths;
  readonly file: string;
  /** Where the Redis of this installation is, when it is the operator's own. */
  readonly redisUrl: string | undefined;
  /** Undefined: secrets stay out. */
  readonly passphrase: string | undefined;
  readonly tell: (line: string) => void;
}

/** What was written. */
export interface BackupReport {
  readonly file: string;
  readonly principals: number;
  readonly files: number;
  readonly leftOut: number;
  readonly secrets: "encrypted" | "left out";
  readonly redis: Manifest["redis"];
}

/** Writes the backup, or leaves nothing. @throws Fault `backup-exists`, … */
export async function createBackup(plan: BackupPlan): Promise<BackupReport> {
  const file = resolve(plan.file);
  for (const path of [file, `${file}.part`]) {
    if (!existsSync(path)) continue;
    throw new Fault({
      code: "backup-exists",
      message: `${path} is there already`,
      hint: "choose another --output, or remove it",
    });
  }
  const { paths, tell } = plan;
  const writer = openWriter(file);
  let rest: Rest | undefined;
  try {
    rest = await bringToRest(paths, tell);
    const manifest = await write(writer, plan);
    await writer.finish();
    return {
      file,
      principals: manifest.principals.length,
      files: writer.files,
      leftOut: writer.leftOut,
      secrets: plan.passphrase === undefined ? "left out" : "encrypted",
      redis: manifest.redis,
    };
  } catch (error) {
    await writer.abandon();
    throw error;
  } finally {
    rest?.end();
  }
}

function openWriter(file: string): ArchiveWriter {
  try {
    return new ArchiveWriter(file);
  } catch (error) {
    throw new Fault({
      code: "backup-file",
      message: `${file} can't be written: ${describeError(error)}`,
      hint: "choose another --output",
      cause: error,
    });
  }
}

async function write(writer: ArchiveWriter, plan: BackupPlan): Promise<Manifest> {
  const { paths, redisUrl, passphrase, tell } = plan;
  const homes = new RestingHomes(paths);
  const secrets = readSecretFiles(paths);
  const hasRedis = existsSync(join(paths.redis.dir, AOF_DIR));
  const manifest: Manifest = {
    v: 1,
    version,
    created: new Date().toISOString(),
    hostId: readFileSync(paths.hostId, "utf8").trim(),
    redis: redisUrl !== undefined ? "external" : hasRedis ? "embedded" : "none",
    principals: homes.principals(),
    secrets: [...secrets.keys()],
  };
  await writer.text(MANIFEST, `${JSON.stringify(manifest, null, 1)}\n`);
  // The operator's own, and a link if they like.
  for (const name of ["config.yaml", "policy.yaml", "pending.json"])
    if (existsSync(join(paths.home, name))) await writer.text(name, readFileSync(join(paths.home, name)));
  if (passphrase !== undefined) await writer.text(SECRETS, seal(secrets, passphrase));
  for (const id of manifest.principals) {
    const record = homes.record(id);
    if (record !== undefined) await writer.text(`sandboxes/${id}.json`, record);
    tell(`files of ${record === undefined ? id : (JSON.parse(record) as { name: string }).name}`);
    const { stream, done } = homes.pack(id);
    await writer.tree(`users/${id}/home`, stream);
    await done;
  }
  // Redis after the files: what it says of them is then true, and messages that came meanwhile are in it.
  if (manifest.redis === "embedded") await writeRedis(writer, paths);
  if (existsSync(paths.audit))
    for (const { name } of auditFiles(paths.audit))
      await writer.copy(`audit/${name}`, join(paths.audit, name));
  return manifest;
}

async function writeRedis(writer: ArchiveWriter, paths: Paths): Promise<void> {
  const snapshot = await snapshotRedis(paths);
  try {
    for (const name of snapshot?.names ?? [])
      await writer.copy(`redis/${AOF_DIR}/${name}`, join(snapshot?.dir ?? "", name));
  } finally {
    snapshot?.remove();
  }
}
