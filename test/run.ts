/**
 * Runs the tests: one suite after the other (a suite is a folder of `test/`), small ones first, e2e last. What takes
 * long and covers little that is new lies in `test/soak` and runs only when it is named (`npm run test:soak`).
 * `node test/run.ts [AREA…]` runs only these folders (or files). Prints each failure where it happens and again at the
 * end, the time of each suite, every skip with its reason, and as its last line `N passed, N failed, N skipped`.
 */
import { existsSync, globSync, readdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { relative } from "node:path";
import type { EventData } from "node:test";
import { run } from "node:test";

/** Suites whose tests start real agents or whole services: one file at a time, after all others. */
const HEAVY = ["walk", "conformance", "e2e", "soak"];
/** A test without a limit of its own may take this long; e2e tests wake real agents. */
const TEST_TIMEOUT_MS = { light: 120_000, heavy: 600_000 };
/** A file whose tests have ended may still hang on something that it left open: after this long it is ended and fails. */
const SILENCE_MS = { light: 240_000, heavy: 660_000 };

/** Files of light suites at once. Their tests mostly wait, so one more than cores keeps these busy; two more make time-outs. */
const LIGHT_AT_ONCE = availableParallelism() + 1;

interface Failure {
  where: string;
  name: string;
  error: string;
}

interface Tally {
  passed: number;
  failures: Failure[];
  skipped: string[];
  /** Seconds that each file took, so that it is seen where the time of a whole run goes. */
  files: { file: string; seconds: number }[];
}

/** How many of the slowest files a run of several suites names. */
const SLOWEST = 12;

function areas(): string[] {
  return readdirSync("test", { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && globSync(`test/${entry.name}/**/*.test.ts`).length > 0)
    .map(({ name }) => name);
}

function usage(): string {
  return `Usage: npm test [-- AREA|FILE …]

Without arguments all tests but the soak ones run. Areas (folders of test/): ${areas().join(", ")}
Examples:
  npm test -- store
  npm test -- cli/doctor test/lib/ids.test.ts
Exit codes: 0 all passed · 1 some failed, or there was none · 2 wrong usage`;
}

/** Ends the run: it was asked for what isn't there. */
function refuse(what: string): never {
  console.error(`npm test: ${what}\n${usage()}`);
  process.exit(2);
}

/** Folder of `test/` (or given path) → its test files, in the order of running. */
function suites(wanted: string[]): Map<string, string[]> {
  const files = wanted.length
    ? wanted.flatMap((area) => {
        const path = existsSync(`test/${area}`) ? `test/${area}` : area;
        if (!existsSync(path)) refuse(`there is no area or file ${area}`);
        return statSync(path).isDirectory() ? globSync(`${path}/**/*.test.ts`) : [path];
      })
    : globSync("test/**/*.test.ts").filter((file) => !file.startsWith("test/soak/"));
  const found = new Map<string, string[]>();
  for (const file of files.sort()) {
    const suite = relative(`${import.meta.dirname}`, `${process.cwd()}/${file}`).split("/")[0] ?? file;
    found.set(suite, [...(found.get(suite) ?? []), file]);
  }
  const weight = (suite: string) => HEAVY.indexOf(suite);
  return new Map([...found].sort(([a], [b]) => weight(a) - weight(b) || a.localeCompare(b)));
}

/** What a person needs of a failed test: the assertion, not the runner's own frames. */
function explain(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return text
    .split("\n")
    .filter((line) => !/^\s+at .*\(?node:/.test(line))
    .slice(0, 40)
    .join("\n");
}

const indent = (text: string) => text.replace(/^/gm, "    ");

/** Runs one suite and adds to the tally. */
async function runSuite(files: string[], heavy: boolean, tally: Tally): Promise<void> {
  const hung = new AbortController();
  const silence = setTimeout(() => hung.abort(), heavy ? SILENCE_MS.heavy : SILENCE_MS.light);
  const stream = run({
    files,
    signal: hung.signal,
    concurrency: heavy ? 1 : LIGHT_AT_ONCE,
    timeout: heavy ? TEST_TIMEOUT_MS.heavy : TEST_TIMEOUT_MS.light,
  });
  const place = (data: { file?: string | undefined; line?: number | undefined }) =>
    data.file ? `${relative(process.cwd(), data.file)}:${data.line ?? 1}` : "";
  stream.on("test:pass", (data: EventData.TestPass) => {
    if (data.details.type === "suite") return;
    if (data.skip !== undefined || data.todo !== undefined) {
      const reason = [data.skip, data.todo].find((why) => typeof why === "string" && why !== "");
      tally.skipped.push(`${place(data)}  ${data.name}: ${reason ?? "NO REASON GIVEN"}`);
      console.log(`  - skipped: ${data.name}: ${reason ?? "NO REASON GIVEN"}`);
    } else tally.passed += 1;
  });
  stream.on("test:fail", (data: EventData.TestFail) => {
    // A describe block fails because a test in it failed, which is counted already; unless its own hook failed.
    const kind = (data.details.error as { failureType?: string } | undefined)?.failureType;
    if (kind === "subtestsFailed") return;
    const failure = { where: place(data), name: data.name, error: explain(data.details.error) };
    tally.failures.push(failure);
    console.log(`  ✗ ${failure.where}  ${failure.name}\n${indent(failure.error)}`);
  });
  stream.on("test:stderr", (data: EventData.TestStderr) =>
    process.stderr.write(`${indent(data.message.trimEnd())}\n`),
  );
  stream.on("test:stdout", (data: EventData.TestStdout) =>
    process.stdout.write(`${indent(data.message.trimEnd())}\n`),
  );
  stream.on("test:summary", ({ file, duration_ms }: EventData.TestSummary) => {
    if (file) tally.files.push({ file: relative(process.cwd(), file), seconds: duration_ms / 1000 });
  });
  // Every event starts the wait anew.
  for await (const _ of stream) silence.refresh();
  clearTimeout(silence);
  if (hung.signal.aborted) {
    const error = "nothing happened for minutes: a test file hangs on something that it left open";
    tally.failures.push({ where: files.join(", "), name: "suite", error });
    console.log(`  ✗ ${error}`);
  }
}

process.chdir(`${import.meta.dirname}/..`);
const asked = process.argv.slice(2);
if (asked.some((arg) => arg === "--help" || arg === "-h")) {
  console.log(usage());
  process.exit(0);
}
const option = asked.find((arg) => arg.startsWith("-"));
if (option !== undefined) refuse(`there is no option ${option}`);
const found = suites(asked);
const tally: Tally = { passed: 0, failures: [], skipped: [], files: [] };
for (const [suite, files] of found) {
  const started = Date.now();
  const before = tally.passed;
  console.log(`▶ ${suite} (${files.length} files)`);
  await runSuite(files, HEAVY.includes(suite), tally);
  console.log(`  ${tally.passed - before} passed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

if (found.size > 1) {
  const slowest = tally.files.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  console.log(`slowest: ${slowest.map(({ file, seconds }) => `${file} ${seconds.toFixed(0)} s`).join(", ")}`);
}
if (tally.failures.length > 0) {
  console.log(`\nFailures:`);
  for (const { where, name, error } of tally.failures) console.log(`✗ ${where}  ${name}\n${indent(error)}`);
}
console.log(`${tally.passed} passed, ${tally.failures.length} failed, ${tally.skipped.length} skipped`);
process.exit(tally.failures.length > 0 || tally.passed === 0 ? 1 : 0);
