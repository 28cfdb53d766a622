/**
 * Backup and restore of a home in which nothing runs: what is taken, what is refused, what a hostile home or a changed
 * archive can't do. The journey with a service is in journey.test.ts.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { createBackup } from "../../../src/cli/backup/create.ts";
import { Digest, type EntryHeader, placeOf } from "../../../src/cli/backup/format.ts";
import { isHalf, markHalf } from "../../../src/cli/backup/half.ts";
import { verifyArchive } from "../../../src/cli/backup/reader.ts";
import { restoreBackup } from "../../../src/cli/backup/restore.ts";
import { makeLayout } from "../../../src/cli/supervisor/layout.ts";
import { usersFor } from "../../../src/cli/supervisor/users.ts";
import { Fault } from "../../../src/lib/errors.ts";
import { type Paths, pathsOf } from "../../../src/lib/paths.ts";
import { RestingHomes } from "../../../src/sandbox/index.ts";
import { makeHome } from "../../helpers/service.ts";

const UID = process.getuid?.() ?? -1;
const USERS = usersFor(UID, process.getgid?.() ?? -1);
const ID = "p_aaaaaaaaaaaaaaaaaaaa";
const quiet = () => {};
const code = (wanted: string) => (error: unknown) => error instanceof Fault && error.code === wanted;

let temp = "";
let file = "";
let source: Paths;
const homes: string[] = [];

function emptyHome(): string {
  const home = makeHome();
  homes.push(home);
  return home;
}

/** A home with one person's files, hostile ones among them. */
function furnish(): Paths {
  const home = emptyHome();
  const paths = makeLayout(home, USERS, UID === 0);
  writeFileSync(paths.lock, "");
  writeFileSync(paths.hostId, "h_source\n");
  writeFileSync(paths.config, "log:\n  level: warn\n");
  writeFileSync(paths.policyFile, "egress:\n  allowed: []\n");
  const resting = new RestingHomes(paths);
  resting.prepare(ID);
  const at = (...parts: string[]) => join(paths.user(ID).home, ...parts);
  writeFileSync(at("notes.txt"), "remember 4711\n");
  mkdirSync(at("closed"));
  writeFileSync(at("closed", "inside.txt"), "in a folder that its owner closed\n");
  symlinkSync("/etc/passwd", at("link"));
  symlinkSync("closed", at("folder-link"));
  writeFileSync(at("program"), "#!/bin/sh\n");
  linkSync(at("notes.txt"), at("hard-link"));
  execFileSync("mkfifo", [at("pipe")]);
  const { uid } = statSync(paths.user(ID).home);
  if (UID === 0) execFileSync("chown", ["-hR", `${uid}:${uid}`, paths.user(ID).home]);
  chmodSync(at("program"), 0o4755);
  chmodSync(at("closed"), 0o000);
  const record = {
    v: 1,
    id: ID,
    name: "anna",
    state: "stopped",
    runName: "s_old",
    bootId: "",
    pid: 0,
    startTime: 0,
  };
  const rest = { uid: 77, limits: LIMITS, agent: AGENT, lastStop: "exit" };
  writeFileSync(join(paths.launcher.records, `${ID}.json`), JSON.stringify({ ...record, ...rest }));
  mkdirSync(join(paths.redis.dir, "appendonlydir"));
  writeFileSync(join(paths.redis.dir, "appendonlydir", "a.aof.1.incr.aof"), "*1\r\n$4\r\nPING\r\n");
  writeFileSync(
    join(paths.redis.dir, "appendonlydir", "a.aof.manifest"),
    "file a.aof.1.incr.aof seq 1 type i\n",
  );
  writeFileSync(join(paths.audit, "egress-2026-11-26-1.jsonl"), "{}\n");
  const key = join(paths.secrets("gateway"), "openai.key");
  writeFileSync(key, "sk-planted-in-the-test-0123456789", { mode: 0o600 });
  if (UID === 0) chownSync(key, USERS.gateway.uid, USERS.gateway.gid);
  return paths;
}
const LIMITS = { memoryBytes: 2 ** 31, pids: 512, cpus: 0, diskBytes: 2 ** 31, inodes: 200_000 };
const AGENT = { model: "demo/demo-1", contextWindow: 131_072, maxTokens: 8_192 };

const backup = (to: string, passphrase?: string) =>
  createBackup({ paths: source, file: to, redisUrl: undefined, passphrase, tell: quiet });
const restore = (home: string, from: string, passphrase?: string) =>
  restoreBackup({ home, file: from, passphrase: async () => passphrase, tell: quiet });

before(async () => {
  temp = mkdtempSync(join(tmpdir(), "nc-bak-"));
  source = furnish();
  file = join(temp, "backup.tar.gz");
  await backup(file, "correct horse battery");
});
after(() => {
  for (const home of homes) spawnSync("chmod", ["-R", "u+rwx", home]);
  for (const dir of [...homes, temp]) rmSync(dir, { recursive: true, force: true });
});

describe("a backup", () => {
  it("is private, whole or not there, and never written over", async () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(temp), ["backup.tar.gz"]);
    await assert.rejects(backup(file), code("backup-exists"));
  });

  it("is a tar that any tar lists", () => {
    const names = execFileSync("tar", ["tzf", file], { encoding: "utf8" }).trim().split("\n");
    assert.equal(names[0], "manifest.json");
    assert.equal(names.at(-1), "digest");
    for (const name of [
      "config.yaml",
      "policy.yaml",
      `sandboxes/${ID}.json`,
      `users/${ID}/home/closed/inside.txt`,
    ])
      assert.ok(names.includes(name), name);
    assert.ok(!names.some((name) => name.includes("pipe")), "no pipe");
  });

  it("holds no secret that can be read", () => {
    const bytes = gunzipSync(readFileSync(file)).toString("latin1");
    assert.doesNotMatch(bytes, /sk-planted/);
    assert.doesNotMatch(
      bytes,
      new RegExp(Buffer.from("sk-planted-in-the-test").toString("base64").slice(0, 20)),
    );
    assert.match(bytes, /gateway\/openai\.key/, "but their names");
  });

  it("without --with-secrets holds none at all", async () => {
    const plain = join(temp, "plain.tar.gz");
    const report = await backup(plain);
    assert.equal(report.secrets, "left out");
    assert.doesNotMatch(execFileSync("tar", ["tzf", plain], { encoding: "utf8" }), /secrets\.enc/);
    rmSync(plain);
  });

  it("that fails leaves nothing behind", async () => {
    await assert.rejects(backup(join(temp, "no", "such", "folder.tar.gz")));
    const short = join(temp, "short.tar.gz");
    await assert.rejects(backup(short, "short"), code("usage"));
    assert.deepEqual(readdirSync(temp), ["backup.tar.gz"]);
  });
});

describe("a restore", () => {
  let home = "";
  let at: (...parts: string[]) => string;
  before(async () => {
    home = emptyHome();
    const report = await restore(home, file, "correct horse battery");
    assert.deepEqual(report.missingSecrets, []);
    at = (...parts) => join(pathsOf(home).user(ID).home, ...parts);
  });

  it("brings files, settings, policy, secrets, Redis and host id back", () => {
    const paths = pathsOf(home);
    assert.equal(readFileSync(at("notes.txt"), "utf8"), "remember 4711\n");
    assert.equal(readFileSync(paths.config, "utf8"), "log:\n  level: warn\n");
    assert.equal(readFileSync(paths.policyFile, "utf8"), "egress:\n  allowed: []\n");
    assert.equal(readFileSync(paths.hostId, "utf8"), "h_source\n");
    const key = join(paths.secrets("gateway"), "openai.key");
    assert.equal(readFileSync(key, "utf8"), "sk-planted-in-the-test-0123456789");
    assert.equal(statSync(key).uid, USERS.gateway.uid);
    const aof = join(paths.redis.dir, "appendonlydir", "a.aof.1.incr.aof");
    assert.equal(statSync(aof).uid, USERS.redis.uid);
    assert.equal(isHalf(home), false);
  });

  it("restores links as links, without following them", () => {
    assert.equal(readlinkSync(at("link")), "/etc/passwd");
    assert.equal(readlinkSync(at("folder-link")), "closed");
  });

  it("restores no setuid bit, no hard link, no pipe", () => {
    assert.equal(lstatSync(at("program")).mode & 0o7777, 0o755);
    assert.equal(lstatSync(at("hard-link")).nlink, 1);
    assert.equal(lstatSync(at("notes.txt")).nlink, 1);
    assert.equal(existsSync(at("pipe")), false);
  });

  it("restores what lies in a folder that its owner closed, and closes it again", () => {
    assert.equal(lstatSync(at("closed")).mode & 0o777, 0);
    chmodSync(at("closed"), 0o700);
    assert.match(readFileSync(at("closed", "inside.txt"), "utf8"), /its owner closed/);
  });

  it("gives a principal a host user of this home, and its record too", () => {
    const record = JSON.parse(readFileSync(join(pathsOf(home).launcher.records, `${ID}.json`), "utf8"));
    const { uid } = lstatSync(at("notes.txt"));
    assert.equal(record.uid, uid);
    assert.equal(record.name, "anna");
    assert.notEqual(record.runName, "s_old");
    if (UID !== 0) return;
    assert.ok(uid >= 1_900_000_000, `${uid}`);
    assert.equal(JSON.parse(readFileSync(pathsOf(home).uids, "utf8")).uids[ID], uid);
  });

  it("puts the audit's rows aside when their key didn't come along", () => {
    assert.ok(existsSync(join(pathsOf(home).audit, "before-restore", "egress-2026-11-26-1.jsonl")));
  });

  it("refuses a home with data", async () => {
    await assert.rejects(restore(home, file, "correct horse battery"), code("home-not-fresh"));
  });

  it("names the secrets that must be given again", async () => {
    const other = emptyHome();
    const report = await restore(other, file);
    assert.deepEqual(report.missingSecrets, ["gateway/openai.key"]);
    assert.equal(existsSync(join(pathsOf(other).secrets("gateway"), "openai.key")), false);
  });

  it("that was cut off is begun anew", async () => {
    const other = emptyHome();
    await restore(other, file);
    markHalf(other);
    const left = join(pathsOf(other).user(ID).home, "half");
    writeFileSync(left, "");
    await restore(other, file);
    assert.equal(existsSync(left), false);
    assert.equal(isHalf(other), false);
  });

  it("with a wrong passphrase writes nothing", async () => {
    const other = emptyHome();
    await assert.rejects(restore(other, file, "wrong horse battery"), code("backup-passphrase"));
    assert.deepEqual(new RestingHomes(pathsOf(other)).principals(), []);
  });
});

describe("an archive that isn't as it was written", () => {
  /** The same archive with one thing changed. */
  const changed = (name: string, change: (bytes: Buffer) => Buffer) => {
    const path = join(temp, name);
    writeFileSync(path, gzipSync(change(gunzipSync(readFileSync(file)))));
    return path;
  };
  const replace = (from: string, to: string) => (bytes: Buffer) =>
    Buffer.from(bytes.toString("latin1").replace(from, to), "latin1");

  const changes: [what: string, change: (bytes: Buffer) => Buffer, why: RegExp][] = [
    ["a file's content", replace("remember 4711", "remember 4712"), /digest is another one/],
    ["a link's target (and its checksum)", (bytes) => retarget(bytes), /digest is another one/],
    ["its end cut off", (bytes) => bytes.subarray(0, bytes.length - 2_048), /end is missing|Unexpected end/],
    [
      "half of it",
      (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2)),
      /Unexpected end|end is missing/,
    ],
  ];
  for (const [what, change, why] of changes)
    it(`is refused: ${what}`, async () => {
      const path = changed("changed.tar.gz", change);
      const home = emptyHome();
      await assert.rejects(
        restore(home, path),
        (error: Error) => code("backup-invalid")(error) && why.test(error.message),
      );
      assert.deepEqual(readdirSync(home), [], "nothing was written");
    });

  it("is refused: no archive at all", async () => {
    const path = join(temp, "no.tar.gz");
    writeFileSync(path, "hello");
    await assert.rejects(verifyArchive(path), code("backup-invalid"));
  });

  const hostile: [EntryHeader, why: RegExp][] = [
    [{ name: `users/${ID}/home/../../../etc/cron.d/x`, type: "file" }, /no place/],
    [{ name: "/etc/passwd", type: "file" }, /no place/],
    [{ name: "secrets/gateway/openai.key", type: "file" }, /no place/],
    [{ name: `users/${ID}/home/dev`, type: "block-device" }, /no place/],
    [{ name: `users/${ID}/home/hard`, type: "link", linkname: "notes.txt" }, /no place/],
    [{ name: "redis/../lock", type: "file" }, /no place/],
    [{ name: "config.yaml", type: "symlink", linkname: "/etc/shadow" }, /no place/],
    [{ name: "users/p_bbbbbbbbbbbbbbbbbbbb/home/x", type: "file" }, /isn't in its manifest/],
  ];
  for (const [header, why] of hostile)
    it(`is refused: ${header.type} ${header.name}`, async () => {
      const path = await archiveOf([[header, ""]]);
      await assert.rejects(
        verifyArchive(path),
        (error: Error) => code("backup-invalid")(error) && why.test(error.message),
      );
    });

  it("can't write through a link that it made itself", async () => {
    const outside = mkdtempSync(join(temp, "outside-"));
    chmodSync(outside, 0o777);
    const base = `users/${ID}/home`;
    const path = await archiveOf([
      [{ name: `${base}/door`, type: "symlink", linkname: outside }, ""],
      [{ name: `${base}/door/x`, type: "file", mode: 0o644 }, "out"],
    ]);
    await restore(emptyHome(), path).catch(() => {});
    assert.deepEqual(readdirSync(outside), []);
  });
});

it("places: what a backup may hold", () => {
  assert.deepEqual(placeOf({ name: `users/${ID}/home/a/b`, type: "file" }), {
    kind: "user",
    id: ID,
    inside: "a/b",
  });
  assert.deepEqual(placeOf({ name: `users/${ID}/home/a/`, type: "directory" }), {
    kind: "user",
    id: ID,
    inside: "a",
  });
});

/** A well-formed archive with these entries after its manifest, its digest right. */
async function archiveOf(entries: [EntryHeader, string][]): Promise<string> {
  const tar = pack();
  const digest = new Digest();
  const add = (header: EntryHeader, text: string) => {
    const hash = digest.open({ mode: 0o644, ...header });
    hash.update(text);
    digest.close(hash);
    tar.entry({ mode: 0o644, ...header, size: header.type === "file" ? text.length : 0 }, text);
  };
  const manifest = {
    v: 1,
    version: "0",
    created: "now",
    hostId: "h_x",
    redis: "none",
    principals: [ID],
    secrets: [],
  };
  add({ name: "manifest.json", type: "file" }, JSON.stringify(manifest));
  for (const [header, text] of entries) add(header, text);
  tar.entry({ name: "digest" }, digest.text);
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar as unknown as AsyncIterable<Buffer>) pieces.push(piece);
  const path = join(temp, `made-${pieces.length}-${Math.random().toString(36).slice(2)}.tar.gz`);
  writeFileSync(path, gzipSync(Buffer.concat(pieces)));
  return path;
}

/** Points the link elsewhere and mends the entry's own checksum. */
function retarget(bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  const at = out.indexOf("/etc/passwd");
  out.write("/etc/shadow", at);
  const start = at - (at % 512);
  out.write("        ", start + 148);
  const sum = out.subarray(start, start + 512).reduce((total, byte) => total + byte, 0);
  out.write(`${sum.toString(8).padStart(6, "0")}\0 `, start + 148, "latin1");
  return out;
}
