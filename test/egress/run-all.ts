/**
 * `npm run test:egress`: every vector and every scenario against the real proxy; the last line is `N passed, 0 failed`.
 */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
/** Scenarios whose subject lies elsewhere: people's taps, what a card shows, the operator's file. */
const ELSEWHERE = [
  "../gateway/approvals/approvals.test.ts",
  "../bridges/core/cards.test.ts",
  "../gateway/policy/live-file.test.ts",
];
const files = [...readdirSync(here).filter((name) => name.endsWith(".test.ts")), ...ELSEWHERE].map((name) =>
  join(here, name),
);
let passed = 0;
let failed = 0;
const tests = run({ files, concurrency: 2 });
tests.on("test:pass", ({ details, name, skip }) => {
  if (details.type === "suite") return;
  if (skip === undefined) passed++;
  else console.log(`skipped ${name}: ${String(skip)}`);
});
tests.on("test:fail", ({ details, name }) => {
  if (details.type === "suite") return;
  failed++;
  const { cause } = details.error as { cause?: unknown };
  console.log(`FAILED ${name}: ${cause instanceof Error ? cause.message : String(cause)}`);
});
tests.on("end", () => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
});
tests.resume();
