/** docker-compose.yml and the systemd units: understood by their own tools, and what they promise of each process holds. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { parse } from "yaml";
import { sysusers } from "../../src/cli/service/sysusers.ts";
import { systemdUnits } from "../../src/cli/service/units.ts";
import { SERVICES, usersFor } from "../../src/cli/supervisor/users.ts";

const ROOT = join(import.meta.dirname, "../..");
const has = (program: string) => spawnSync(program, ["--version"]).status === 0;

interface ComposeService {
  user?: string;
  command?: string[];
  environment?: Record<string, string>;
  volumes?: (string | { source: string; target: string })[];
  ports?: unknown[];
  read_only?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  network_mode?: string;
  privileged?: boolean;
  healthcheck?: { test?: unknown };
}

/** Debian's 1.29, and version 2 where Docker has it. */
const COMPOSE = [["docker-compose"], ["docker", "compose"]] as const;
const present = COMPOSE.filter(([program, ...args]) => spawnSync(program, [...args, "version"]).status === 0);
test("a compose is installed", {
  skip: present.length > 0 ? false : "docker-compose is not installed",
}, () => {});

for (const [program, ...first] of present)
  describe(`docker-compose.yml by ${[program, ...first].join(" ")}`, () => {
    let services: Record<string, ComposeService>;
    const env = {
      PATH: process.env["PATH"],
      NEMOCLAW_HOME: "/srv/nc",
      TELEGRAM_BOT_TOKEN: "1:secret",
      OPENAI_API_KEY: "sk-1",
    };
    const volumes = (name: string) =>
      (services[name]?.volumes ?? []).map((each) =>
        typeof each === "string" ? each : `${each.source}:${each.target}`,
      );

    before(() => {
      const flags = [
        "--profile",
        "telegram",
        "--profile",
        "discord",
        "-f",
        join(ROOT, "docker-compose.yml"),
        "config",
      ];
      const text = execFileSync(program, [...first, ...flags], { env, encoding: "utf8" });
      services = (parse(text) as { services: Record<string, ComposeService> }).services;
    });

    test("every process of the service is there, as its own user", () => {
      const users = usersFor(0, 0);
      for (const name of SERVICES) {
        assert.deepEqual(services[name]?.command, ["start", name, "--alone"], name);
        const { uid, gid } = users[name];
        assert.equal(services[name]?.user, name === "launcher" ? undefined : `${uid}:${gid}`, name);
      }
      assert.equal(services["redis"]?.user, `${users.redis.uid}:${users.redis.gid}`);
    });

    test("read-only, without rights or new privileges, without ports", () => {
      for (const [name, one] of Object.entries(services)) {
        assert.equal(one.read_only, true, name);
        assert.deepEqual(one.cap_drop, ["ALL"], name);
        assert.deepEqual(one.security_opt, ["no-new-privileges:true"], name);
        assert.equal(one.ports, undefined, name);
        assert.notEqual(one.privileged, true, name);
        const rights = ["launcher", "prepare", "store"].includes(name) ? 1 : 0;
        assert.equal((one.cap_add?.length ?? 0) > 0, rights === 1, name);
        if (!["prepare", "store"].includes(name)) assert.ok(one.healthcheck?.test, name);
      }
    });

    test("docker's socket is the launcher's alone, the whole home the launcher's and the preparation's", () => {
      const names = Object.keys(services);
      assert.deepEqual(
        names.filter((name) => volumes(name).some((each) => each.includes("docker.sock"))),
        ["launcher"],
      );
      const whole = names.filter((name) => volumes(name).some((each) => /^\/srv\/nc:/.test(each)));
      assert.deepEqual(whole.sort(), ["launcher", "prepare"]);
    });

    test("folders are bound at the same path, and no token or key reaches more than one process", () => {
      for (const name of Object.keys(services)) {
        for (const each of volumes(name).filter((volume) => volume.startsWith("/srv/nc"))) {
          const [source, target] = each.split(":");
          assert.equal(source, target, name);
        }
        const secrets = volumes(name)
          .filter((each) => each.includes("/secrets/"))
          .map((each) => each.split(":")[0]?.split("/").at(-1));
        const allowed = name === "store" ? ["operator", "supervisor"] : [name];
        assert.ok(
          secrets.every((secret) => allowed.includes(secret ?? "")),
          `${name}: ${secrets}`,
        );
        const given = JSON.stringify(services[name]?.environment ?? {});
        assert.equal(/secret|sk-1/.test(given), name === "prepare", name);
      }
    });

    test("only who must reach the world has a network", () => {
      const out = Object.keys(services).filter((name) => services[name]?.network_mode === undefined);
      assert.deepEqual(out.sort(), ["discord-bridge", "gateway", "prepare", "telegram-bridge"]);
    });

    test("Redis keeps what it acknowledges and has no port", () => {
      const command = services["redis"]?.command?.join(" ") ?? "";
      for (const part of [
        "--port 0",
        "--appendonly yes",
        "--appendfsync always",
        "--maxmemory-policy noeviction",
        "--aclfile",
      ])
        assert.ok(command.includes(part), part);
    });
  });

describe("systemd units", () => {
  const units = systemdUnits({
    ...{ home: "/var/lib/nemoclaw", users: usersFor(0, 0), redisServer: "/usr/bin/redis-server" },
    ...{ command: "/usr/bin/env nemoclaw", bots: ["telegram-bridge"] },
  });

  test("one per process that can run, each its own user without rights; the launcher ends no agent", () => {
    assert.ok(units["nemoclaw-telegram-bridge.service"]);
    assert.equal(units["nemoclaw-discord-bridge.service"], undefined, "no token, no unit");
    const launcher = units["nemoclaw-launcher.service"] ?? "";
    assert.match(launcher, /^KillMode=process$/m);
    assert.match(launcher, /^Environment=NEMOCLAW_CGROUP=nemoclaw\.slice\/nemoclaw-sandboxes\.slice$/m);
    assert.match(launcher, /^Wants=nemoclaw-sandboxes\.slice$/m);
    assert.match(launcher, /^After=.*nemoclaw-sandboxes\.slice/m);
    assert.ok(units["nemoclaw-sandboxes.slice"]);
    for (const name of ["gateway", "worker", "access", "console", "telegram-bridge"]) {
      const text = units[`nemoclaw-${name}.service`] ?? "";
      assert.match(text, new RegExp(`^User=${usersFor(0, 0)[name as "gateway"].uid}$`, "m"));
      assert.match(text, /^CapabilityBoundingSet=$/m);
      assert.doesNotMatch(text, /TOKEN|KEY=/);
    }
    for (const [name, text] of Object.entries(units))
      if (/^Restart=/m.test(text)) assert.match(text, /^TimeoutStopSec=60$/m, name);
    assert.match(units["nemoclaw-worker.service"] ?? "", /^RestrictAddressFamilies=AF_UNIX$/m);
  });

  const noSysusers = has("systemd-sysusers") ? false : "systemd-sysusers is not installed";
  test("systemd makes the users that the units name", { skip: noSysusers }, (t) => {
    const root = mkdtempSync("/tmp/nu-");
    t.after(() => rmSync(root, { recursive: true, force: true }));
    mkdirSync(join(root, "etc"));
    writeFileSync(join(root, "users.conf"), sysusers(usersFor(0, 0)));
    execFileSync("systemd-sysusers", [`--root=${root}`, join(root, "users.conf")], { stdio: "pipe" });
    const known = readFileSync(join(root, "etc/passwd"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(":").slice(2, 4).join(":"));
    for (const [name, text] of Object.entries(units)) {
      const [, uid] = /^User=(.*)$/m.exec(text) ?? [];
      const [, gid] = /^Group=(.*)$/m.exec(text) ?? [];
      if (uid !== undefined) assert.ok(known.includes(`${uid}:${gid}`), `${name}: ${uid}:${gid} of ${known}`);
    }
  });

  const noSystemd = existsSync("/usr/bin/systemd-analyze") ? false : "systemd-analyze is not installed";
  test("systemd understands them, and rates each as safe", { skip: noSystemd }, (t) => {
    const dir = mkdtempSync("/tmp/nu-");
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(units)) writeFileSync(join(dir, name), text);
    const files = Object.keys(units).map((name) => join(dir, name));
    const verify = spawnSync("systemd-analyze", ["verify", "--man=no", ...files], {
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${dir}:` },
      encoding: "utf8",
    });
    const complaints = verify.stderr.split("\n").filter((line) => line.includes(dir));
    assert.deepEqual(complaints, [], verify.stderr);
    for (const name of ["gateway", "worker", "telegram-bridge"]) {
      const flags = [
        "security",
        "--offline=true",
        "--no-pager",
        "--threshold=30",
        join(dir, `nemoclaw-${name}.service`),
      ];
      const { status, stdout, stderr } = spawnSync("systemd-analyze", flags, { encoding: "utf8" });
      const rating = /Overall exposure level.*$/m.exec(stdout)?.[0] ?? stderr;
      t.diagnostic(`${name}: ${rating}`);
      assert.equal(status, 0, `${name}: ${rating}`);
    }
  });
});
