/**
 * `npm run build`: compiles `src` to `dist` and copies what is no TypeScript (Lua, Perl, HTML, JSON) beside it.
 * `--release` (before `npm pack`) also puts the lock where packages may carry one, so that an installed release has the
 * very versions that were tested; `--clean` (after it) removes that copy.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./lib/project.mjs";

const shrinkwrap = join(ROOT, "npm-shrinkwrap.json");
rmSync(shrinkwrap, { force: true });
if (process.argv.includes("--clean")) process.exit(0);

const dist = join(ROOT, "dist");
rmSync(dist, { recursive: true, force: true });
const tsc = join(ROOT, "node_modules", ".bin", "tsc");
const result = spawnSync(tsc, ["-p", "tsconfig.build.json"], { cwd: ROOT, stdio: "inherit" });
if (result.status !== 0) process.exit(result.status ?? 1);
cpSync(join(ROOT, "src"), dist, { recursive: true, filter: (path) => !path.endsWith(".ts") });
if (process.argv.includes("--release")) copyFileSync(join(ROOT, "package-lock.json"), shrinkwrap);
