/** Runs the project's own checks over the tracked and new files: `node scripts/checks/main.ts`. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { checkBorders } from "./borders.ts";
import { checkTree } from "./tree.ts";

const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
});
const files = listed.split("\n").filter((path) => path && existsSync(path));

const findings = [...checkTree(files), ...checkBorders(files.filter((path) => /^src\/.*\.ts$/.test(path)))];
for (const finding of findings) console.error(finding);
if (findings.length > 0) process.exit(1);
