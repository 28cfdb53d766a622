/** What services can plant in directories of theirs that a backup, run by root, reads. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createBackup } from "../../../src/cli/backup/create.ts";
import { readSecretFiles } from "../../../src/cli/backup/secret-files.ts";
import { makeLayout } from "../../../src/cli/supervisor/layout.ts";
import { usersFor } from "../../../src/cli/supervisor/users.ts";
import { Fault } from "../../../src/lib/errors.ts";
import type { Paths } from "../../../src/lib/paths.ts";
import { makeHome } from "../../helpers/service.ts";

const UID = process.getuid?.() ?? -1;
const code = (wanted: string) => (error: unknown) => error instanceof Fault && error.code === wanted;

describe("a backup of planted files", () => {
  let temp = "";
  let victim = "";
  let paths: Paths;
  before(() => {
    temp = mkdtempSync(join(tmpdir(), "nc-plant-"));
    victim = join(temp, "victim");
    writeFileSync(victim, "of root alone\n");
    paths = makeLayout(makeHome(), usersFor(UID, process.getgid?.() ?? -1), UID === 0);
    writeFileSync(paths.lock, "");
    writeFileSync(paths.hostId, "h_source\n");
    const redis = join(paths.redis.dir, "appendonlydir");
    mkdirSync(redis);
    writeFileSync(join(redis, "a.aof.1.incr.aof"), "*1\r\n$4\r\nPING\r\n");
    writeFileSync(join(redis, "a.aof.manifest"), "file a.aof.1.incr.aof seq 1 type i\n");
    writeFileSync(join(paths.audit, "egress-2026-11-26-1.jsonl"), "{}\n");
    writeFileSync(join(paths.secrets("gateway"), "openai.key"), "sk-planted", { mode: 0o600 });
  });
  after(() => {
    for (const dir of [temp, paths.home]) rmSync(dir, { recursive: true, force: true });
  });

  const backup = (file: string) =>
    createBackup({ paths, file, redisUrl: undefined, passphrase: undefined, tell: () => {} });
  const plants = {
    link: (at: string) => symlinkSync(victim, at),
    pipe: (at: string) => execFileSync("mkfifo", [at]),
  };

  for (const [kind, plant] of Object.entries(plants)) {
    it(`ends at a ${kind} in the gateway's audit, and leaves nothing`, async () => {
      const at = join(paths.audit, "egress-2026-11-27-1.jsonl");
      plant(at);
      await assert.rejects(backup(join(temp, "b.tar.gz")), code("file-not-plain"));
      rmSync(at);
      assert.deepEqual(readdirSync(temp), ["victim"]);
    });

    it(`ends at a ${kind} in Redis's directory`, async () => {
      const at = join(paths.redis.dir, "appendonlydir", "a.aof.manifest");
      renameSync(at, `${at}.kept`);
      plant(at);
      await assert.rejects(backup(join(temp, "b.tar.gz")), code("file-not-plain"));
      renameSync(`${at}.kept`, at);
    });
  }

  it("is made once they are gone", async () => {
    await backup(join(temp, "b.tar.gz"));
    assert.ok(existsSync(join(temp, "b.tar.gz")));
    rmSync(join(temp, "b.tar.gz"));
  });

  it("takes no secrets through links, and doesn't go down without end", () => {
    const elsewhere = join(temp, "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "host.key"), "of root alone\n");
    const own = paths.secrets("gateway");
    symlinkSync(elsewhere, join(own, "inspection"));
    symlinkSync(join(elsewhere, "host.key"), join(own, "link.key"));
    mkdirSync(join(own, ...Array.from({ length: 1_000 }, () => "d")), { recursive: true });
    assert.deepEqual([...readSecretFiles(paths).keys()], ["gateway/openai.key"]);
  });
});
