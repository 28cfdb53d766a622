/** `npm run build`: compiles `src` to `dist` and copies what is no TypeScript (Lua, Perl, HTML, JSON) beside it. */
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./lib/project.mjs";

const dist = join(ROOT, "dist");
rmSync(dist, { recursive: true, force: true });
const tsc = join(ROOT, "node_modules", ".bin", "tsc");
const result = spawnSync(tsc, ["-p", "tsconfig.build.json"], { cwd: ROOT, stdio: "inherit" });
if (result.status !== 0) process.exit(result.status ?? 1);
cpSync(join(ROOT, "src"), dist, { recursive: true, filter: (path) => !path.endsWith(".ts") });
