/**
 * `nemoclaw doctor` names each of these faults, injected one by one and for real, with its fix: machine, home, files.
 * What is outside is in outside.test.ts, what needs a service that runs in running.test.ts.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isLocked } from "../../../src/cli/doctor/locks.ts";
import { resolveBlueprint } from "../../../src/sandbox/index.ts";
import { waitUntil } from "../../helpers/service.ts";
import { AS_ROOT, doctor, expectTrouble, onHome, plantSecret, ROOT } from "./kit.ts";

const onlyRoot = { skip: AS_ROOT ? false : "needs root (mounts)" };
const PRIVATE_MOUNTS = ["-m", "--propagation", "private"];

describe("doctor: nothing wrong", () => {
  it("says so on a fresh home, and changes nothing in it", () =>
    onHome({}, async ({ home }) => {
      const { status, checks } = await doctor(home);
      const failing = [...checks.values()].filter(({ state }) => state === "fail");
      assert.deepEqual(failing, []);
      assert.equal(status, 0);
      assert.ok(checks.size >= 20, `${checks.size} checks`);
    }));
});

describe("doctor: the machine", onlyRoot, () => {
  it("no user namespaces", () =>
    onHome({}, async ({ home }) => {
      const inside = {
        unshare: ["-U", "--map-root-user", ...PRIVATE_MOUNTS],
        script: "echo 0 > /proc/sys/user/max_user_namespaces",
      };
      const seen = await doctor(home, { inside });
      expectTrouble(seen, "user namespaces", "fail", /refused/, /user\.max_user_namespaces=\d+/);
    }));

  it("bubblewrap is missing", () =>
    onHome({}, async ({ home }) => {
      const layers = mkdtempSync(join(tmpdir(), "nc-ovl-"));
      const inside = {
        unshare: PRIVATE_MOUNTS,
        script: `mount -t tmpfs none ${layers}; mkdir ${layers}/u ${layers}/w
          mount -t overlay -o lowerdir=/usr/bin,upperdir=${layers}/u,workdir=${layers}/w none /usr/bin; rm /usr/bin/bwrap`,
      };
      const seen = await doctor(home, { inside });
      rmSync(layers, { recursive: true });
      expectTrouble(seen, "programs", "fail", /missing: bwrap/, /apt-get install bubblewrap/);
    }));

  it("no control groups, so no cap on memory", () =>
    onHome({}, async ({ home }) => {
      const inside = { unshare: PRIVATE_MOUNTS, script: "umount -R -l /sys/fs/cgroup" };
      const seen = await doctor(home, { inside });
      expectTrouble(seen, "control groups", "fail", /no cap/, /delegated control group/);
    }));

  it("the disk is full", () =>
    onHome({}, async ({ home }) => {
      const inside = {
        unshare: PRIVATE_MOUNTS,
        script: `mount -t tmpfs -o size=1m,mode=0711 none ${home}; head -c 900000 /dev/zero > ${home}/filler`,
      };
      const seen = await doctor(home, { inside });
      expectTrouble(seen, "disk", "fail", /0\.0 GB free/, /free some space/);
    }));

  it("redis-server is missing", () =>
    onHome({}, async ({ home }) => {
      const layers = mkdtempSync(join(tmpdir(), "nc-ovl-"));
      const inside = {
        unshare: PRIVATE_MOUNTS,
        script: `mount -t tmpfs none ${layers}; mkdir ${layers}/u ${layers}/w
          mount -t overlay -o lowerdir=/usr/bin,upperdir=${layers}/u,workdir=${layers}/w none /usr/bin; rm /usr/bin/redis-server`,
      };
      const seen = await doctor(home, { inside });
      rmSync(layers, { recursive: true });
      expectTrouble(seen, "redis", "fail", /not installed/, /apt-get install redis-server/);
    }));
});

describe("doctor: the home", () => {
  it("a folder that others may read", () =>
    onHome({}, async ({ home, paths }) => {
      chmodSync(paths.redis.dir, 0o755);
      expectTrouble(await doctor(home), "home", "fail", /redis has mode 0755/, /chmod 0700 /);
    }));

  it("a secret that others may read", () =>
    onHome({}, async ({ home, paths }) => {
      const file = plantSecret(paths, "gateway", "openai.key", "sk-a-key-for-the-test-0123456789");
      if (AS_ROOT) chownSync(file, 1_899_999_002, 1_899_999_000);
      chmodSync(file, 0o644);
      const seen = await doctor(home);
      expectTrouble(
        seen,
        "secrets",
        "fail",
        /openai\.key can be read by others/,
        /chmod 600 .*openai\.key.*replace/,
      );
      assert.doesNotMatch(JSON.stringify([...seen.checks]), /sk-a-key/);
    }));

  it("a home of another user", onlyRoot, () =>
    onHome({}, async ({ home }) => {
      chownSync(home, 4_242, 4_242);
      expectTrouble(await doctor(home), "home", "fail", /belongs to user 4242, not 0/, /chown 0:0 /);
    }),
  );

  it("a stale lock", () =>
    onHome({}, async ({ home, paths }) => {
      writeFileSync(paths.lock, "");
      const holder = spawn("flock", ["--no-fork", paths.lock, "sleep", "60"], { stdio: "ignore" });
      try {
        await waitUntil(
          () => isLocked(paths.lock),
          5_000,
          () => "flock did not lock",
        );
        const seen = await doctor(home);
        expectTrouble(
          seen,
          "lock",
          "fail",
          new RegExp(`stale: pid ${holder.pid} `),
          new RegExp(`kill ${holder.pid}`),
        );
      } finally {
        holder.kill();
      }
    }));

  it("a lock on an agent's files that outlived it", () =>
    onHome({}, async ({ home, paths }) => {
      const user = paths.user("p_aaaaaaaaaaaaaaaaaaaa");
      mkdirSync(user.dir, { recursive: true });
      writeFileSync(user.lock, "");
      const holder = spawn("flock", ["--no-fork", user.lock, "sleep", "60"], { stdio: "ignore" });
      try {
        await waitUntil(
          () => isLocked(user.lock),
          5_000,
          () => "flock did not lock",
        );
        expectTrouble(await doctor(home), "agents' locks", "fail", /holds the files of p_aaaa/, /kill \d+/);
      } finally {
        holder.kill();
      }
    }));

  it("a damaged record of a sandbox", () =>
    onHome({}, async ({ home, paths }) => {
      writeFileSync(join(paths.launcher.records, "p_aaaaaaaaaaaaaaaaaaaa.json"), '{"v":1,"id":"p_aa');
      expectTrouble(await doctor(home), "sandbox records", "fail", /p_a+\.json is damaged/, /move it away/);
    }));

  it("a record of the audit that was changed", () =>
    onHome({}, async ({ home, paths }) => {
      const key = plantSecret(paths, "gateway", "audit.key", Buffer.alloc(32, 7).toString("base64url"));
      if (AS_ROOT) chownSync(key, 1_899_999_002, 1_899_999_000);
      const row = { seq: 1, time: "2026-11-26T00:00:00.000Z", kind: "note", mac: "0".repeat(64) };
      writeFileSync(join(paths.audit, "egress-2026-11-26-1.jsonl"), `${JSON.stringify(row)}\n`);
      expectTrouble(await doctor(home), "audit", "fail", /not as it was written/, /nemoclaw audit verify/);
    }));
});

describe("doctor: what the operator wrote", () => {
  it("a config.yaml that is no YAML", () =>
    onHome({}, async ({ home, paths }) => {
      writeFileSync(paths.config, "log:\n  level: [debug\n");
      expectTrouble(await doctor(home), "config", "fail", /config\.yaml:\d+:\d+: /, /correct it/);
    }));

  it("a setting that does not exist", () =>
    onHome({ sandbox: { drivers: "process" } }, async ({ home }) => {
      expectTrouble(
        await doctor(home),
        "config",
        "fail",
        /no setting sandbox\.drivers/,
        /docs\/operating\.md/,
      );
    }));

  it("a policy file that doesn't load", () =>
    onHome({}, async ({ home, paths }) => {
      writeFileSync(paths.policyFile, "egress:\n  allowed:\n    - host: api.github.com\n      prot: 443\n");
      expectTrouble(await doctor(home), "policy file", "fail", /policy\.yaml:\d+:\d+/, /within a second/);
    }));

  it("a port that another program has", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      await onHome({ console: { port } }, async ({ home }) => {
        const taken = new RegExp(`127\\.0\\.0\\.1:${port} is taken by pid ${process.pid} `);
        expectTrouble(await doctor(home), "console port", "fail", taken, /console\.port/);
      });
    } finally {
      server.close();
    }
  });
});

describe("doctor: blueprint and runtime", () => {
  let copy = "";
  before(() => {
    copy = mkdtempSync(join(tmpdir(), "nc-copy-"));
    for (const part of [
      "bin",
      "scripts",
      "src",
      "blueprint",
      "blueprint.yaml",
      "package.json",
      "package-lock.json",
    ])
      cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  });
  after(() => rmSync(copy, { recursive: true }));

  it("a lock that was tampered with", () =>
    onHome({}, async ({ home }) => {
      const lock = join(copy, "blueprint", "package-lock.json");
      const text = readFileSync(lock, "utf8");
      writeFileSync(lock, text.replace(/"integrity": "sha512-./, '"integrity": "sha512-X'));
      const seen = await doctor(home, { project: copy });
      writeFileSync(lock, text);
      expectTrouble(
        seen,
        "blueprint",
        "fail",
        /blueprint\/package-lock\.json is not the lock/,
        /restore the file/,
      );
    }));

  it("a blueprint.yaml that was tampered with", () =>
    onHome({}, async ({ home }) => {
      const file = join(copy, "blueprint.yaml");
      const text = readFileSync(file, "utf8");
      writeFileSync(file, text.replace("package: openclaw", "package: openclaw\n  postinstall: evil.sh"));
      const seen = await doctor(home, { project: copy });
      writeFileSync(file, text);
      expectTrouble(
        seen,
        "blueprint",
        "fail",
        /blueprint\.yaml: [\s\S]*postinstall/,
        /restore blueprint\.yaml/,
      );
    }));

  it("a runtime that isn't there", () =>
    onHome({}, async ({ home }) => {
      expectTrouble(await doctor(home), "runtime", "warn", /not installed/, /nemoclaw start installs it/);
    }));

  it("a runtime of another blueprint", () =>
    onHome({}, async ({ home, paths }) => {
      const { digest } = await resolveBlueprint(ROOT);
      mkdirSync(join(paths.runtime, digest));
      const manifest = { v: 1, digest: "f".repeat(64), package: "openclaw", version: "1.0.0" };
      writeFileSync(join(paths.runtime, digest, "manifest.json"), JSON.stringify(manifest));
      expectTrouble(
        await doctor(home),
        "runtime",
        "fail",
        /doesn't belong to the blueprint/,
        /rm -r .*nemoclaw start/,
      );
    }));

  it("a package of the runtime that was changed", () =>
    onHome({}, async ({ home, paths }) => {
      const { digest, agent } = await resolveBlueprint(ROOT);
      const dir = join(paths.runtime, digest);
      mkdirSync(join(dir, "node_modules", "openclaw"), { recursive: true });
      writeFileSync(join(dir, "node_modules", "openclaw", "index.js"), "evil()\n");
      const manifest = { v: 1, digest, package: agent.package, version: agent.version };
      writeFileSync(join(dir, "manifest.json"), JSON.stringify(manifest));
      writeFileSync(join(dir, "digests.json"), JSON.stringify({ openclaw: "0".repeat(64) }));
      expectTrouble(await doctor(home), "runtime", "fail", /not as it was installed: openclaw/, /rm -r /);
    }));
});
