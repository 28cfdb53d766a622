/** The driver's small parts by themselves: layers, uids, control groups v2, faults, reading /proc. */
import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Limits } from "../../../src/sandbox/driver.ts";
import { readableBySandboxes } from "../../../src/sandbox/host/config.ts";
import { blockedAt, tryLock } from "../../../src/sandbox/host/files.ts";
import { etcFiles } from "../../../src/sandbox/host/inside.ts";
import { type Evidence, judgeEvidence, judgeLayers } from "../../../src/sandbox/host/layers.ts";
import { isAlive, processTree, startTimeOf } from "../../../src/sandbox/host/proc.ts";
import { uidOf } from "../../../src/sandbox/host/uids.ts";
import { cgroupV2 } from "../../../src/sandbox/process/cgroup-v2.ts";
import { startFailure } from "../../../src/sandbox/process/faults.ts";
import { bwrapArguments } from "../../../src/sandbox/process/layout.ts";
import { isRoot } from "../harness.ts";

let dir = "";
before(() => {
  dir = mkdtempSync("/tmp/nc");
});
after(() => rmSync(dir, { recursive: true, force: true }));

const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
const GOOD = [
  ...["CapEff 0000000000000000", "CapBnd 0000000000000000", "NoNewPrivs 1", "Seccomp 2"],
  ...NAMESPACES.map((name) => `ns-${name} ${name}:[2]`),
  ...[
    "interfaces lo",
    "connect 101",
    "keyctl 1",
    "unshare 1",
    "usr 30",
    "agent-root-dir 13",
    "agent-init-environ 13",
    "agent-home done",
  ],
  ...["agent-unix-socket 1", "stage 0", "landlock-abi 7", "forks 60", "hog-signal 9", "end reached"],
];
const evidence = (lines: readonly string[], more: Partial<Evidence> = {}): Evidence => ({
  output: lines.join("\n"),
  hostNamespaces: Object.fromEntries(NAMESPACES.map((name) => [name, `${name}:[1]`])),
  ...{ asRoot: true, uid: 5, cgroups: { kind: "cgroup v1" }, pidsLimit: 64, diskProblem: "", ...more },
});
const missing = (lines: readonly string[], more: Partial<Evidence> = {}) =>
  judgeEvidence(evidence(lines, more))
    .filter((layer) => !layer.active)
    .map((layer) => layer.name);
const without = (name: string, instead?: string) => [
  ...GOOD.filter((line) => !line.startsWith(`${name} `)),
  ...(instead ? [`${name} ${instead}`] : []),
];

describe("layers", () => {
  test("all there", () => assert.deepEqual(missing(GOOD), []));
  test("a silent self-test proves nothing", () => {
    assert.deepEqual(missing([]), [
      "namespaces",
      "no-network",
      "seccomp",
      "landlock",
      "memory-cap",
      "pids-cap",
    ]);
  });
  for (const [line, instead, layer] of [
    ["ns-net", "net:[1]", "namespaces"],
    ["ns-user", undefined, "namespaces"],
    ["CapEff", "0000000000000001", "namespaces"],
    ["usr", "done", "namespaces"],
    ["interfaces", "lo,eth0", "no-network"],
    ["connect", "111", "no-network"],
    ["Seccomp", "0", "seccomp"],
    ["keyctl", "done", "seccomp"],
    ["unshare", "28", "seccomp"],
    ["agent-unix-socket", "done", "seccomp"],
    ["agent-root-dir", "done", "landlock"],
    ["agent-init-environ", "done", "landlock"],
    ["stage", "125", "landlock"],
    ["hog-signal", "0", "memory-cap"],
    ["forks", "200", "pids-cap"],
  ] as const) {
    test(`${line} = ${instead ?? "nothing"} means no ${layer}`, () => {
      assert.deepEqual(missing(without(line, instead)), [layer]);
    });
  }

  test("serving: hard requirement, best effort, operator only", () => {
    const good = judgeEvidence(evidence(GOOD));
    const capless = judgeEvidence(evidence(GOOD, { cgroups: { missing: "none" }, asRoot: false }));
    const open = judgeEvidence(evidence(without("connect", "111")));
    assert.deepEqual(judgeLayers(good, "hard_requirement", false), { serve: true, problems: [] });
    assert.equal(judgeLayers(capless, "hard_requirement", false).serve, false);
    assert.equal(judgeLayers(capless, "hard_requirement", true).serve, true);
    assert.equal(judgeLayers(capless, "hard_requirement", true).problems.length, 2);
    assert.match(
      judgeLayers(capless, "best_effort", false).problems.join(),
      /memory-cap is missing: none .*NEMOCLAW_CGROUP/,
    );
    assert.equal(judgeLayers(open, "hard_requirement", true).serve, false);
    assert.equal(judgeLayers(open, "best_effort", false).serve, true);
    assert.equal(judgeLayers([], "best_effort", true).serve, false);
  });
});

describe("uids", () => {
  test("one each, the same again, never one twice", () => {
    const file = join(dir, "uids.json");
    assert.equal(uidOf(file, "p_a", 100), 100);
    assert.equal(uidOf(file, "p_b", 100), 101);
    assert.equal(uidOf(file, "p_a", 100), 100);
    const known = JSON.parse(readFileSync(file, "utf8"));
    delete known.uids.p_b;
    writeFileSync(file, JSON.stringify(known));
    assert.equal(uidOf(file, "p_c", 100), 102);
  });
  test("a damaged file is an error, not a fresh start", () => {
    const file = join(dir, "damaged.json");
    writeFileSync(file, "{}");
    assert.throws(() => uidOf(file, "p_a", 100));
    assert.equal(readFileSync(file, "utf8"), "{}");
  });
});

test("a lock is held until its descriptor is closed", () => {
  const file = join(dir, "lock");
  const fd = tryLock(file);
  assert.ok(fd !== undefined);
  assert.equal(tryLock(file), undefined);
  closeSync(fd);
  assert.ok(tryLock(file) !== undefined);
});

test("control groups v2: limits, counters, swap only while paging out", async () => {
  const root = join(dir, "cgroup2");
  const base = "nemoclaw/x";
  for (const at of ["", "nemoclaw", base]) {
    mkdirSync(join(root, at), { recursive: true });
    writeFileSync(join(root, at, "cgroup.controllers"), "cpu memory pids\n");
    writeFileSync(join(root, at, "cgroup.subtree_control"), "cpu memory pids\n");
  }
  const cgroups = cgroupV2(root, base);
  const box = join(root, base, "box");
  const file = (name: string) => readFileSync(join(box, name), "utf8");
  mkdirSync(box);
  for (const name of ["memory.swap.max", "memory.reclaim"]) writeFileSync(join(box, name), "");
  cgroups.create("box", Limits.parse({ memoryBytes: 100 << 20, pids: 50, cpus: 1.5 }));
  assert.deepEqual(
    [file("memory.max"), file("memory.swap.max"), file("pids.max"), file("cpu.max")],
    [String(100 << 20), "0", "50", "150000 100000"],
  );
  cgroups.add("box", 4711);
  assert.equal(file("cgroup.procs"), "4711");
  writeFileSync(join(box, "memory.current"), "5000\n");
  writeFileSync(join(box, "memory.stat"), "anon 1\ninactive_file 1000\n");
  writeFileSync(join(box, "memory.swap.current"), "7\n");
  writeFileSync(join(box, "pids.current"), "3\n");
  writeFileSync(join(box, "cpu.stat"), "usage_usec 2500\n");
  writeFileSync(join(box, "memory.events"), "low 0\noom 1\noom_kill 2\n");
  assert.deepEqual(cgroups.usage("box"), { memoryBytes: 4000, swapBytes: 7, pids: 3, cpuMs: 2.5 });
  assert.equal(cgroups.oomKills("box"), 2);
  await cgroups.pageOut("box", async () => assert.equal(file("memory.swap.max"), "max"));
  assert.deepEqual([file("memory.reclaim"), file("memory.swap.max")], ["5000", "0"]);
  assert.equal(cgroups.usage("other"), undefined);
});

test("what bubblewrap says becomes a fault with a way out", () => {
  const code = (text: string) => startFailure(text).code;
  assert.match(code("bwrap: setting up uid map: Permission denied\n"), /^sandbox-(no-userns|apparmor)$/);
  assert.match(
    code("bwrap: No permissions to create new namespace, likely because...\n"),
    /^sandbox-(no-userns|apparmor)$/,
  );
  assert.equal(code("bwrap: Can't find source path /x: No such file or directory\n"), "sandbox-start-failed");
  assert.match(startFailure("bwrap: setting up uid map: Permission denied").hint ?? "", /Docker driver/);
  assert.match(startFailure("").message, /without a word/);
});

test("processes are known by pid and start time", () => {
  const own = startTimeOf(process.pid);
  assert.ok(own !== undefined && isAlive(process.pid, own));
  assert.ok(!isAlive(process.pid, own + 1));
  assert.ok(!isAlive(0, 0));
  assert.ok(processTree(process.pid).includes(process.pid));
});

test("a directory that other users can't reach is named", () => {
  const closed = join(dir, "closed");
  mkdirSync(join(closed, "deep"), { recursive: true, mode: 0o755 });
  assert.equal(blockedAt(join(closed, "deep")), dir, "mkdtemp makes 0700");
  assert.equal(blockedAt("/usr/bin"), undefined);
});

test("the layout gives only what it names", () => {
  const args = bwrapArguments({
    ...{
      name: "box",
      home: "/H",
      config: "/C",
      egress: "/E",
      control: "/T",
      guest: "/G",
      runtime: "/R",
      node: "/N",
    },
    ...{ tmpBytes: 1024, system: { usr: "directory", bin: "usr/bin" } },
  });
  const after = (flag: string) => args.flatMap((arg, i) => (arg === flag ? [args.slice(i + 1, i + 3)] : []));
  assert.deepEqual(after("--bind"), [["/H", "/home/sandbox"]], "one writable bind");
  assert.deepEqual(after("--dev-bind"), []);
  assert.ok(!args.includes("--share-net") && !args.includes("--die-with-parent"));
  for (const flag of [
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--new-session",
    "--clearenv",
    "--as-pid-1",
  ]) {
    assert.ok(args.includes(flag), flag);
  }
  assert.deepEqual(
    after("--setenv").map(([name]) => name),
    ["PATH", "HOME", "LANG"],
  );
  assert.match(etcFiles("box")["passwd"] ?? "", /^sandbox:x:1000:1000:/);
});

test("a directory in a closed place is copied once, readable, and again when it has changed", {
  skip: isRoot ? false : "only a service run as root has users that can't reach it",
}, () => {
  const closed = join(dir, "project");
  const copies = mkdtempSync("/var/tmp/nc");
  chmodSync(copies, 0o755);
  mkdirSync(join(closed, "bin"), { recursive: true, mode: 0o700 });
  writeFileSync(join(closed, "bin", "tool"), "1", { mode: 0o700 });
  const first = readableBySandboxes(closed, copies, ["bin"]);
  assert.notEqual(first, closed);
  assert.equal(blockedAt(first), undefined);
  assert.equal(statSync(join(first, "bin", "tool")).mode & 0o777, 0o755);
  assert.equal(readableBySandboxes(closed, copies, ["bin"]), first);
  writeFileSync(join(closed, "bin", "tool"), "22");
  const second = readableBySandboxes(closed, copies, ["bin"]);
  assert.notEqual(second, first);
  assert.equal(readFileSync(join(second, "bin", "tool"), "utf8"), "22");
  rmSync(copies, { recursive: true });
});
