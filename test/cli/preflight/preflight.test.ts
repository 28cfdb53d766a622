/** Preflight: each check on machines that lack something, and all of them on this one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFinding, type Finding, worst } from "../../../src/cli/preflight/finding.ts";
import { type Host, type ProgramResult, thisHost } from "../../../src/cli/preflight/host.ts";
import { preflight } from "../../../src/cli/preflight/index.ts";

const GB = 1024 ** 3;
const ran = (stdout: string, status = 0): ProgramResult => ({ status, installed: true, stdout, stderr: "" });
const missing: ProgramResult = { status: undefined, installed: false, stdout: "", stderr: "" };

const meminfo = (ram: number, swap: number) =>
  `MemTotal:       ${Math.round((ram * GB) / 1024)} kB\nSwapTotal:      ${Math.round((swap * GB) / 1024)} kB\n`;

interface Machine {
  files?: Record<string, string | undefined>;
  programs?: Record<string, ProgramResult>;
  free?: number;
  host?: Partial<Host>;
}

/** A good machine but for what is said. */
function machine({ files = {}, programs = {}, free = 100 * GB, host = {} }: Machine): Host {
  const all: Record<string, string | undefined> = {
    "/etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n',
    "/proc/meminfo": meminfo(16, 0),
    "/proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n",
    "/proc/sys/kernel/seccomp/actions_avail": "kill_process kill_thread trap errno log allow\n",
    ...files,
  };
  const known: Record<string, ProgramResult> = {
    npm: ran("10.9.2\n"),
    unshare: ran(""),
    perl: ran("4"),
    bwrap: ran(""),
    flock: ran(""),
    setpriv: ran(""),
    docker: missing,
    "redis-server": ran("Redis server v=7.0.15 sha=0\n"),
    ...programs,
  };
  return {
    platform: "linux",
    arch: "x64",
    kernel: "6.8.0-45-generic",
    node: "24.21.0",
    uid: 1000,
    env: {},
    read: (path) => all[path],
    run: async (program) => known[program] ?? missing,
    freeBytes: () => free,
    ...host,
  };
}

const plan = { home: "/home/ann/.nemoclaw", driver: "process", redisUrl: undefined } as const;
const finding = async (name: string, what: Machine, more: object = {}): Promise<Finding> => {
  const found = (await preflight(machine(what), { ...plan, ...more })).find((one) => one.name === name);
  assert.ok(found, `no finding ${name}`);
  return found;
};

describe("preflight", () => {
  it("finds nothing wrong on a good machine", async () => {
    const findings = await preflight(machine({}), plan);
    assert.deepEqual(
      findings.filter(({ verdict }) => verdict !== "ok"),
      [],
    );
    assert.equal(worst(findings), "ok");
    assert.equal(findings.length, 10);
  });

  const cases: [name: string, verdict: "ok" | "warn" | "fail", fix: RegExp, what: Machine, more?: object][] =
    [
      ["system", "fail", /Colima|docker/, { host: { platform: "darwin", arch: "arm64" } }],
      ["system", "fail", /x64 or arm64/, { host: { arch: "riscv64" } }],
      ["system", "fail", /5\.13/, { host: { kernel: "5.4.0-1" } }],
      ["memory", "warn", /fallocate -l 8G \/swapfile/, { files: { "/proc/meminfo": meminfo(4, 0) } }],
      ["memory", "ok", /^$/, { files: { "/proc/meminfo": meminfo(7.7, 8) } }],
      ["memory", "ok", /^$/, { files: { "/proc/meminfo": meminfo(4, 12) } }],
      ["memory", "fail", /swapon/, { files: { "/proc/meminfo": meminfo(1, 0.5) } }],
      ["memory", "warn", /mounted/, { files: { "/proc/meminfo": undefined } }],
      ["disk", "fail", /free some space/, { free: GB }],
      ["disk", "warn", /larger disk/, { free: 5 * GB }],
      ["node", "fail", /24\.16/, { host: { node: "22.4.0" } }],
      ["node", "fail", /npm/, { programs: { npm: missing } }],
      ["node", "warn", /npm 10/, { programs: { npm: ran("9.2.0\n") } }],
      [
        "user namespaces",
        "fail",
        /unprivileged_userns_clone=1/,
        {
          programs: { unshare: ran("", 1) },
          files: { "/proc/sys/kernel/unprivileged_userns_clone": "0\n" },
        },
      ],
      [
        "user namespaces",
        "fail",
        /nspawn/,
        {
          programs: { unshare: ran("", 1) },
          files: { "/proc/self/mountinfo": "1 0 8:1 /jail /jail rw - ext4 /dev/sda1 rw\n" },
        },
      ],
      ["user namespaces", "fail", /util-linux/, { programs: { unshare: missing } }],
      ["landlock", "fail", /lsm=/, { programs: { perl: ran("-1") } }],
      [
        "seccomp",
        "fail",
        /SECCOMP_FILTER/,
        { files: { "/proc/sys/kernel/seccomp/actions_avail": undefined } },
      ],
      [
        "programs",
        "fail",
        /apt-get install bubblewrap util-linux/,
        { programs: { bwrap: missing, flock: missing } },
      ],
      ["containers", "fail", /leave --driver docker out/, {}, { driver: "docker" }],
      [
        "containers",
        "fail",
        /systemctl restart docker/,
        { programs: { docker: ran("", 1) } },
        { driver: "docker" },
      ],
      ["redis", "fail", /apt-get install redis-server/, { programs: { "redis-server": missing } }],
      ["redis", "fail", /REDIS_URL/, { programs: { "redis-server": ran("Redis server v=6.0.16 sha=0\n") } }],
      ["redis", "warn", /rediss:/, {}, { redisUrl: "redis://cache.example.com:6379" }],
      ["redis", "ok", /^$/, {}, { redisUrl: "rediss://cache.example.com:6379" }],
    ];
  for (const [name, verdict, fix, what, more] of cases) {
    it(`${name}: ${verdict} ${JSON.stringify(what).slice(0, 90)}`, async () => {
      const found = await finding(name, what, more);
      assert.equal(found.verdict, verdict, found.detail);
      assert.match(found.fix ?? "", fix);
    });
  }

  it("holds on this machine, where the tests' sandboxes run", async () => {
    const findings = await preflight(thisHost(), { ...plan, home: "/tmp" });
    const failed = findings.filter(({ verdict }) => verdict === "fail");
    assert.deepEqual(failed, [], failed.map(describeFinding).join("\n"));
  });

  it("says a fix below what is wrong", () => {
    const text = describeFinding({ name: "disk", verdict: "fail", detail: "1 GB", fix: "free some" });
    assert.equal(text, `✗ disk${" ".repeat(13)}1 GB\n${" ".repeat(19)}→ free some`);
  });
});
