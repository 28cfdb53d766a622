/**
 * `npm run validate`: the one gate. Formatting and lint, types, borders, unused code, then the tests.
 * `--static` leaves the tests out (`npm run check`). All static checks run, so that one run shows every finding.
 */
import { spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { ensureNpm } from "./lib/npm.mjs";
import { ROOT, requireNode } from "./lib/project.mjs";
import { die } from "./lib/say.mjs";

try {
  await ensureNpm({ dev: true });
} catch (error) {
  die(error);
}
const node = requireNode();
const bin = join(ROOT, "node_modules", ".bin");
const env = { ...process.env, PATH: [bin, dirname(node), process.env["PATH"]].join(delimiter) };

/** @type {[string, string[]][]} */
const CHECKS = [
  ["format and lint", ["biome", "check", "--error-on-warnings", "."]],
  ["types", ["tsc", "--noEmit"]],
  ["borders and tree", [node, "scripts/checks/main.ts"]],
  ["docs/cli.md", [node, "scripts/checks/cli-docs.ts"]],
  ["docs/rendering.md", [node, "scripts/checks/rendering-docs.ts"]],
  ["unused code", ["knip"]],
  ["lock file", [node, "scripts/complete-lock.mjs", "--check"]],
];

let failed = 0;
for (const [what, [program = "", ...args]] of CHECKS) {
  const started = Date.now();
  const result = spawnSync(program, args, { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"] });
  const mark = result.status === 0 ? "✓" : "✗";
  if (result.status !== 0) failed += 1;
  console.log(`${mark} ${what} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}
if (failed === 0 && !process.argv.includes("--static")) {
  const tests = spawnSync(process.execPath, ["scripts/test.mjs"], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
  });
  process.exit(tests.status ?? 1);
}
process.exit(failed === 0 ? 0 : 1);
