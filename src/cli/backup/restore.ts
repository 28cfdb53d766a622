/**
 * `nemoclaw restore`: a backup into a home that has no data yet. The whole file is verified before anything is written.
 * Files of agents are written by a helper that sees nothing but that agent's home; what isn't a file, directory or link
 * was never taken, and is refused here. Host users are this machine's own.
 */
import {
  createWriteStream,
  existsSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { Fault } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import { RestingHomes } from "../../sandbox/index.ts";
import { unreadable } from "../io.ts";
import { lockHome } from "../supervisor/home-lock.ts";
import { makeLayout } from "../supervisor/layout.ts";
import { type Ids, type Users, usersFor } from "../supervisor/users.ts";
import type { Manifest } from "./format.ts";
import { isHalf, markHalf, markWhole } from "./half.ts";
import { type ArchiveEntry, readArchive, small, verifyArchive } from "./reader.ts";
import { AOF_DIR } from "./redis-files.ts";
import { open } from "./secret-box.ts";
import { belongs, readSecretFiles, writeSecretFiles } from "./secret-files.ts";
import { UserFiles } from "./user-files.ts";

/** What the operator chose. */
export interface RestorePlan {
  readonly home: string;
  readonly file: string;
  /** Asked for only when the backup holds secrets; undefined: they stay out. */
  readonly passphrase: () => Promise<string | undefined>;
  readonly tell: (line: string) => void;
}

/** What was restored. */
export interface RestoreReport {
  readonly manifest: Manifest;
  readonly files: number;
  /** Secrets that the old home had and this one hasn't. */
  readonly missingSecrets: readonly string[];
  /** Where the audit's rows went when their key didn't come along. */
  readonly auditAside: string | undefined;
}

/** @throws Fault `backup-…`, `home-not-fresh`, `home-in-use`; after a failure while writing the home is marked as half */
export async function restoreBackup({ home, file, passphrase, tell }: RestorePlan): Promise<RestoreReport> {
  const path = resolve(file);
  try {
    if (!statSync(path).isFile()) throw new Fault({ code: "usage", message: `${path} is not a file` });
  } catch (cause) {
    throw cause instanceof Fault ? cause : unreadable(path, cause);
  }
  tell("verifying the backup");
  const manifest = await verifyArchive(path);
  const uid = process.getuid?.() ?? -1;
  const users = usersFor(uid, process.getgid?.() ?? -1);
  const paths = makeLayout(home, users, uid === 0);
  const lock = lockHome(paths.lock);
  try {
    await clearHalf(paths);
    requireFresh(paths);
    const secrets = await secretsOf(path, passphrase);
    markHalf(home);
    const hasKey = secrets?.has("gateway/audit.key") ?? false;
    const files = await write(path, { paths, users, manifest, tell, hasKey });
    if (secrets) writeSecretFiles(secrets, paths, users);
    markWhole(home);
    const present = readSecretFiles(paths);
    return {
      manifest,
      files,
      missingSecrets: manifest.secrets.filter(
        (name) => !present.has(name) && belongs(name) && !/^gateway\/audit/.test(name),
      ),
      auditAside: !hasKey && existsSync(asideOf(paths)) ? asideOf(paths) : undefined,
    };
  } finally {
    lock.release();
  }
}

/** Rows that can't be verified by the new key would make the new audit look forged. */
const asideOf = (paths: Paths) => join(paths.audit, "before-restore");

async function clearHalf(paths: Paths): Promise<void> {
  if (!isHalf(paths.home)) return;
  const homes = new RestingHomes(paths);
  for (const id of homes.principals()) await homes.remove(id);
  rmSync(join(paths.redis.dir, AOF_DIR), { recursive: true, force: true });
  rmSync(paths.audit, { recursive: true, force: true });
  mkdirSync(paths.audit, { mode: 0o700 });
  markWhole(paths.home);
}

function requireFresh(paths: Paths): void {
  const data = [
    ...new RestingHomes(paths).principals().map((id) => paths.user(id).dir),
    ...[join(paths.redis.dir, AOF_DIR)].filter((path) => existsSync(path)),
  ];
  if (data.length === 0) return;
  throw new Fault({
    code: "home-not-fresh",
    message: `${paths.home} has data already: ${data[0]}`,
    hint: "restore into another NEMOCLAW_HOME, or remove this one first: nemoclaw uninstall",
  });
}

async function secretsOf(file: string, passphrase: () => Promise<string | undefined>) {
  for await (const { place, content } of readArchive(file)) {
    if (place.kind !== "secrets") continue;
    const box = (await small(content)).toString("utf8");
    const typed = await passphrase();
    return typed === undefined ? undefined : open(box, typed);
  }
  return undefined;
}

interface Target {
  paths: Paths;
  users: Users;
  manifest: Manifest;
  tell: (line: string) => void;
  hasKey: boolean;
}

async function write(file: string, target: Target): Promise<number> {
  const { paths, users, manifest, tell, hasKey } = target;
  const homes = new RestingHomes(paths);
  writeFileSync(paths.hostId, `${manifest.hostId}\n`, { mode: 0o644 });
  const aof = join(paths.redis.dir, AOF_DIR);
  const audit = hasKey ? paths.audit : asideOf(paths);
  const user = new UserFiles(homes, tell);
  let files = 0;
  for await (const entry of readArchive(file)) {
    const { place } = entry;
    files += 1;
    if (place.kind === "user") await user.take(place.id, place.inside, entry);
    else if (place.kind === "record") homes.adopt(place.id, (await small(entry.content)).toString("utf8"));
    else if (place.kind === "home") await writeHomeFile(join(paths.home, place.file), entry);
    else if (place.kind === "redis") await writeInto(aof, place.file, users.redis, entry);
    else if (place.kind === "audit") await writeInto(audit, place.file, users.gateway, entry);
  }
  await user.finish();
  for (const id of manifest.principals) homes.prepare(id);
  return files;
}

/** What onboarding may have written meanwhile is kept beside it. */
async function writeHomeFile(file: string, { content }: ArchiveEntry): Promise<void> {
  if (existsSync(file)) renameSync(file, `${file}.before-restore`);
  const mode = file.endsWith("policy.yaml") ? 0o644 : 0o600;
  writeFileSync(file, await small(content), { mode });
}

async function writeInto(dir: string, name: string, ids: Ids, { content }: ArchiveEntry): Promise<void> {
  const root = process.getuid?.() === 0;
  // Never by a name once it is made: the directory's owner could have put a link there.
  if (mkdirSync(dir, { recursive: true, mode: 0o700 }) && root) lchownSync(dir, ids.uid, ids.gid);
  const fd = openSync(join(dir, name), "wx", 0o600);
  if (root) fchownSync(fd, ids.uid, ids.gid);
  await pipeline(content, createWriteStream("", { fd }));
}
