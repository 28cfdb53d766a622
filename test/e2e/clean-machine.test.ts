/**
 * The two commands on a machine that has Debian's base, Node 20 and npm, and nothing else: a fresh clone in `/root`, an
 * empty home, downloads included. Takes minutes and a Debian mirror, so it is run on demand.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";

const ROOT = join(import.meta.dirname, "..", "..");
const RELEASE = "bookworm";

function why(): string | false {
  if (process.env["NEMOCLAW_TEST_CLEAN"] !== "1") return "takes minutes: set NEMOCLAW_TEST_CLEAN=1";
  if (process.getuid?.() !== 0) return "needs root";
  if (spawnSync("which", ["debootstrap"]).status !== 0) return "needs debootstrap";
  return false;
}

/** The mirror that this machine itself uses. */
function mirror(): string {
  const lists = execFileSync("sh", [
    "-c",
    "cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || :",
  ]);
  const found = /^(?:URIs: *|deb +(?:\[.*\] +)?)(\S+)/m.exec(lists.toString());
  assert.ok(found?.[1], "this machine has no Debian mirror");
  return found[1];
}

describe("a clean machine", { skip: why() }, () => {
  let machine = "";

  before(() => {
    machine = mkdtempSync(join(tmpdir(), "nc-clean-"));
    chmodSync(machine, 0o755);
    execFileSync("debootstrap", ["--variant=minbase", RELEASE, machine, mirror()], { stdio: "ignore" });
    addNode(machine);
    const sources = "/etc/apt/sources.list.d/debian.sources";
    if (existsSync(sources)) cpSync(sources, join(machine, sources));
    for (const file of ["/etc/hosts", "/etc/resolv.conf"])
      cpSync(file, join(machine, file), { dereference: true });
    execFileSync("git", ["clone", "--quiet", ROOT, join(machine, "root", "nemoclaw")]);
  });
  after(() => rmSync(machine, { recursive: true, force: true }));

  /** Runs a shell line as root of that machine, without terminal and input. A chroot won't do: it forbids namespaces. */
  function inside(line: string) {
    const enter = `mount --bind "$0" "$0"; cd "$0"; mount --bind /dev dev; mount -t proc proc proc; mount --rbind /sys sys
      mkdir -p old; pivot_root . old; cd /; umount -l /old; rmdir /old
      exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root sh -c "$1"`;
    const isolated = ["-m", "-p", "-f", "--propagation", "private", "sh", "-c", enter, machine, line];
    const started = performance.now();
    const result = spawnSync("unshare", isolated, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return { ...result, seconds: (performance.now() - started) / 1000 };
  }

  function askOnce() {
    const [a, b] = [100, 100].map((n) => n + Math.floor(Math.random() * 900)) as [number, number];
    const result = inside(`cd /root/nemoclaw && npm start -- --once "What is ${a}+${b}?"`);
    assert.equal(result.status, 0, result.stderr);
    assert.match(result.stdout, new RegExp(`\\b${a + b}\\b`));
    return result;
  }

  it("has neither bubblewrap nor Redis nor Git", () => {
    assert.equal(inside("command -v bwrap redis-server git").stdout, "");
  });

  it("first start: sets up, answers within three times 3 minutes", () => {
    const { stderr, seconds } = askOnce();
    console.log(`first start on a clean machine: ${seconds.toFixed(0)} s`);
    assert.match(stderr, /✓ Debian packages bubblewrap, redis-server/);
    assert.match(stderr, /✓ npm packages/);
    assert.match(stderr, /Agent runtime ready/);
    assert.ok(seconds < 540, `${seconds} s`);
    assert.equal(existsSync(join(machine, "usr/sbin/policy-rc.d")), false, "apt's policy is as it was");
  });

  it("second start: sets up nothing, answers within three times 30 s", () => {
    const { stderr, seconds } = askOnce();
    console.log(`second start, cold agent: ${seconds.toFixed(0)} s`);
    assert.doesNotMatch(stderr, /✓|Agent runtime/);
    assert.ok(seconds < 90, `${seconds} s`);
  });

  it("npm test sets up the same way and ends with its line", () => {
    const { status, stdout } = inside("cd /root/nemoclaw && CI=true npm test -- lib scripts");
    assert.equal(status, 0, stdout);
    assert.match(stdout, /\n\d+ passed, 0 failed, 0 skipped\n$/);
  });
});

/** Node 20 and npm, as this machine has them, with their settings (registry, certificates). */
function addNode(machine: string): void {
  const folders = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => !folder.includes("node_modules"));
  const node = folders.map((folder) => join(folder, "node")).find((path) => existsSync(path));
  assert.ok(node, "this machine has no Node of its own");
  const npmOf = (...args: string[]) =>
    execFileSync("npm", args, {
      cwd: "/",
      encoding: "utf8",
      env: { ...process.env, PATH: dirname(node) },
    }).trim();
  cpSync(node, join(machine, "usr/local/bin/node"), { dereference: true });
  const npm = join(npmOf("root", "--global"), "npm");
  cpSync(npm, join(machine, "usr/local/lib/node_modules/npm"), { recursive: true, verbatimSymlinks: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(machine, "usr/local/bin/npm"));
  const settings = ["globalconfig", "userconfig"].map((name) => npmOf("config", "get", name));
  const text = settings.map((file) => (existsSync(file) ? readFileSync(file, "utf8") : "")).join("\n");
  writeFileSync(join(machine, "root/.npmrc"), text, { mode: 0o600 });
  const authorities = /^cafile *= *(\S+)/m.exec(text)?.[1];
  for (const file of [authorities, process.env["NODE_EXTRA_CA_CERTS"]]) {
    if (!file || !existsSync(file)) continue;
    mkdirSync(join(machine, dirname(file)), { recursive: true });
    cpSync(file, join(machine, file), { dereference: true });
  }
}
