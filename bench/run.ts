/**
 * `npm run bench -- NAME [--json] [flags]`: runs one bench. A bench is a file `bench/NAME.ts` that exports
 * `run(args): Promise<BenchResult>`.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type BenchResult, print } from "./lib/report.ts";

const [name = "", ...rest] = process.argv.slice(2);
const file = join(import.meta.dirname, `${name}.ts`);
if (!/^[a-z-]+$/.test(name) || name === "run" || !existsSync(file)) {
  const known = readdirSync(import.meta.dirname)
    .filter((entry) => entry.endsWith(".ts") && entry !== "run.ts")
    .map((entry) => entry.slice(0, -3));
  console.error(`usage: npm run bench -- NAME [--json]\nbenches: ${known.join(", ")}`);
  process.exit(2);
}
const json = rest.includes("--json");
const bench = (await import(file)) as { run(args: string[]): Promise<BenchResult> };
print(await bench.run(rest.filter((arg) => arg !== "--json")), json);
process.exit(0);
