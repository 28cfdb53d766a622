/** PID 1: reaps orphans, passes signals on, ends with the guest's status, keeps inherited descriptors to itself. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const init = join(import.meta.dirname, "../../../src/sandbox/guest/init.pl");
const namespaces = ["-pf", "--mount-proc", "--kill-child", ...(process.getuid?.() === 0 ? [] : ["-Ur"])];
const usable = spawnSync("unshare", [...namespaces, "true"]).status === 0;
const skip = usable ? false : "no PID namespace can be made here (unshare -pf fails)";

/** Runs a shell as the guest under init as PID 1 of a fresh namespace. */
const inside = (script: string) =>
  spawnSync("unshare", [...namespaces, "/usr/bin/perl", init, "/bin/sh", "-c", script], {
    encoding: "utf8",
    timeout: 10_000,
  });

test("orphans are reaped, also many at once", { skip }, () => {
  const script = `
    for i in 1 2 3 4 5 6 7 8; do (sh -c 'sleep 0.2 & exit 0'); done
    sleep 0.6
    cat /proc/[0-9]*/stat | grep -c ' Z ' ; echo "pid $$"`;
  assert.match(inside(script).stdout, /^0\npid 2\n$/);
});

test("the guest's status and signal become PID 1's", { skip }, () => {
  assert.equal(inside("exit 7").status, 7);
  assert.equal(inside("kill -KILL $$").status, 137);
  const missing = spawnSync("unshare", [...namespaces, "/usr/bin/perl", init, "/nonexistent"], {
    encoding: "utf8",
  });
  assert.equal(missing.status, 127);
  assert.match(missing.stderr, /^init: \/nonexistent: No such file/);
});

test("signals reach the guest", { skip }, () => {
  const script = `trap 'echo got TERM; exit 3' TERM; kill -TERM 1; while :; do sleep 0.05; done`;
  const result = inside(script);
  assert.equal(result.stdout, "got TERM\n");
  assert.equal(result.status, 3);
});

test("descriptors handed to PID 1 are not passed on", { skip }, async () => {
  const child = spawn(
    "unshare",
    [...namespaces, "/usr/bin/perl", init, "/bin/sh", "-c", "ls /proc/self/fd /proc/1/fd"],
    {
      stdio: ["ignore", "pipe", "inherit", "pipe", "pipe"],
    },
  );
  let out = "";
  child.stdout?.on("data", (d) => (out += d));
  await new Promise((resolve) => child.on("close", resolve));
  const [first = "", second = ""] = out.split("\n\n").map((part) => part.split("\n").slice(1).join(" "));
  assert.match(first, /\b4\b/, "PID 1 holds them");
  // 3 is the directory that ls itself reads.
  assert.equal(second.trim(), "0 1 2 3");
});
