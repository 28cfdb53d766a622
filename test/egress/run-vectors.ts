/**
 * `npm run egress:vectors -- FILE [--json]`: runs any file of the vector format; the last line is the report as JSON.
 * Exit 1 when one failed.
 */
import { resolve } from "node:path";
import { readVectors, runVectors } from "./vectors.ts";

const args = process.argv.slice(2);
const json = args.includes("--json");
const file = args.find((arg) => !arg.startsWith("--"));
if (!file) {
  console.error("usage: npm run egress:vectors -- FILE [--json]");
  process.exit(2);
}
// npm runs scripts in the project's folder; a relative path is meant from where the user stands.
const path = resolve(process.env["INIT_CWD"] ?? process.cwd(), file);
try {
  const report = await runVectors(readVectors(path), json ? () => {} : (line) => console.log(line));
  if (!json) console.log(`${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`);
  console.log(JSON.stringify(report));
  process.exitCode = report.failed > 0 ? 1 : 0;
} catch (error) {
  console.error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
