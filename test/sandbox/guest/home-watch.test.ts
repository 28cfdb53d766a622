/** Files that change in a home are told by name while somebody asks, and only then. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HomeWatch } from "../../../src/sandbox/guest/home-watch.ts";
import type { FileChange } from "../../../src/sandbox/guest/protocol.ts";

let dir: string;
let home: string;
let watcher: HomeWatch;
let told: FileChange[];
let more: number;
beforeEach(() => {
  dir = mkdtempSync("/tmp/hw-");
  home = join(dir, "home");
  mkdirSync(join(home, "workspace", "node_modules"), { recursive: true });
  mkdirSync(join(home, ".openclaw"));
  mkdirSync(join(dir, "outside"));
  writeFileSync(join(home, "old.txt"), "x");
  told = [];
  more = 0;
  watcher = new HomeWatch(home, (changes, left) => {
    told.push(...changes);
    more += left;
  });
});
afterEach(() => {
  watcher.close();
  rmSync(dir, { recursive: true, force: true });
});

/** What was told by the time that everything was gathered. */
async function heard(): Promise<string[]> {
  await sleep(700);
  return told.map(({ op, path }) => `${op} ${path}`).sort();
}

test("made, written, removed and moved files are told, with those of a new directory", async () => {
  watcher.watch(5_000);
  writeFileSync(join(home, "workspace", "a.txt"), "1");
  writeFileSync(join(home, "old.txt"), "2");
  mkdirSync(join(home, "workspace", "new", "deep"), { recursive: true });
  writeFileSync(join(home, "workspace", "new", "deep", "b.txt"), "1");
  assert.deepEqual(await heard(), [
    "create workspace/a.txt",
    "create workspace/new/deep/b.txt",
    "write old.txt",
  ]);
  told = [];
  renameSync(join(home, "workspace", "a.txt"), join(home, "workspace", "c.txt"));
  writeFileSync(join(home, "workspace", "new", "deep", "d.txt"), "1");
  rmSync(join(home, "old.txt"));
  assert.deepEqual(await heard(), [
    "create workspace/c.txt",
    "create workspace/new/deep/d.txt",
    "delete old.txt",
    "delete workspace/a.txt",
  ]);
});

test("nothing outside the home, no packages, not the agent's own state", async () => {
  symlinkSync(join(dir, "outside"), join(home, "link"));
  watcher.watch(5_000);
  writeFileSync(join(dir, "outside", "secret"), "1");
  writeFileSync(join(home, "workspace", "node_modules", "x.js"), "1");
  writeFileSync(join(home, ".openclaw", "sessions.json"), "1");
  assert.deepEqual(await heard(), []);
});

test("a flood is counted, not told", async () => {
  watcher.watch(5_000);
  for (let i = 0; i < 300; i++) writeFileSync(join(home, "workspace", `f${i}`), "1");
  const lines = await heard();
  assert.equal(lines.length, 64);
  assert.ok(more >= 300 - 64, `${more} more`);
});

test("nothing is told before it is asked for, and nothing after the time asked for", async () => {
  writeFileSync(join(home, "before.txt"), "1");
  watcher.watch(100);
  await sleep(150);
  writeFileSync(join(home, "after.txt"), "1");
  assert.deepEqual(await heard(), []);
  watcher.watch(5_000);
  writeFileSync(join(home, "again.txt"), "1");
  assert.deepEqual(await heard(), ["create again.txt"]);
});
