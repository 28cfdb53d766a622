/** docker/agent.Dockerfile makes the same image as this machine does by itself: version, recipe, programs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { RECIPE } from "../../../src/sandbox/docker/image-name.ts";

const read = (path: string) => readFileSync(join(import.meta.dirname, "../../..", path), "utf8");
const dockerfile = read("docker/agent.Dockerfile");
/** In every Debian, so nobody has to name them. */
const IN_BASE = "bash dash coreutils perl-base libc-bin grep sed mawk".split(" ");
/** What stands for it there. */
const OTHERWISE = new Map([["gawk", "mawk"]]);

test("the same Node and the same recipe", () => {
  assert.equal(/^ARG NODE_VERSION=(.*)$/m.exec(dockerfile)?.[1], process.version.slice(1));
  assert.equal(/^LABEL ai\.nemoclaw\.image=(.*)$/m.exec(dockerfile)?.[1], String(RECIPE));
});

test("no program that the other way gives is missing", () => {
  const source = read("src/sandbox/docker/root-fs.ts");
  const lists = /const NEEDED = \[([\s\S]*?)\];[\s\S]*?const WELCOME = \[([\s\S]*?)\n\];/.exec(source);
  const wanted = [...`${lists?.[1]}${lists?.[2]}`.matchAll(/"([a-z0-9+.-]+)"/g)].map(([, name = ""]) => name);
  assert.ok(wanted.includes("git") && wanted.includes("util-linux"), String(wanted));
  const named = new Set([...dockerfile.matchAll(/[a-z0-9][a-z0-9+.-]+/g)].map(([name]) => name));
  const missing = wanted.filter((name) => !IN_BASE.includes(OTHERWISE.get(name) ?? name) && !named.has(name));
  assert.deepEqual(missing, []);
});
