/** `test/run.ts`: wrong usage is said in words, and help is help. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const run = (...args: string[]) => {
  const file = join(import.meta.dirname, "..", "run.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
};

test("help names the areas and runs nothing", () => {
  const { status, stdout, stderr } = run("store", "--help");
  assert.equal(status, 0);
  assert.match(stdout, /^Usage: npm test .*Areas.*\bstore\b/s);
  assert.doesNotMatch(stdout, /▶|passed in/);
  assert.equal(stderr, "");
});

test("an area that isn't there and an option that isn't known are refused without a stack", () => {
  for (const [arg, words] of [
    ["nosuch", /there is no area or file nosuch/],
    ["--watch", /there is no option --watch/],
  ] as const) {
    const { status, stderr } = run(arg);
    assert.equal(status, 2);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /^\s+at /m);
  }
});
