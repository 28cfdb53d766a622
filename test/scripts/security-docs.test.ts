/** docs/security.md names a test for each claim: each of these is there, and every layer has one. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const text = readFileSync(join(ROOT, "docs/security.md"), "utf8");

test("every test that it names is there", () => {
  const named = [...text.matchAll(/`(test\/[^`\s]+)`/g)].map(([, path = ""]) => path);
  assert.ok(named.length > 20, String(named.length));
  assert.deepEqual(
    named.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});

test("every layer says what tests it", () => {
  const layers = /## Layers\n\n([\s\S]*?)\n\n/.exec(text)?.[1]?.split("\n").slice(2) ?? [];
  assert.ok(layers.length > 10);
  for (const row of layers) assert.match(row.split("|").at(-2) ?? "", /`test\/|npm run|the same/, row);
});
