/**
 * Screens as they were looked at once and found good: `golden/<name>.golden`. What differs from run to run is masked. Made
 * anew with `NEMOCLAW_GOLDEN=write`; a change is then reviewed as a diff.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Parts that differ, each with what stands there instead. In this order. */
const MASKS: [pattern: RegExp, name: string][] = [
  [/\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?Z?/g, "<time>"],
  [/\d{4}-\d{2}-\d{2}/g, "<day>"],
  [/\b\d{2}:\d{2}:\d{2}\.\d+\b/g, "<clock>"],
  [/\bpid \d+ {2,}/gi, "pid <pid>  "],
  [/\bpid \d+/gi, "pid <pid>"],
  [/\b[pthrao]_[a-z0-9]{8,}/g, "<id>"],
  [/\b[0-9a-f]{12,64}\b/g, "<hash>"],
  [/127\.0\.0\.1:\d+\/#token=\S+/g, "<address>"],
  [/\b\d+(\.\d+)? ?(ms|s|min|h|d)( ago)?\b/g, "<span>"],
  [/\d+(\.\d+)? [GMK]B/g, "<size>"],
  [/Processes: \d+/g, "Processes: <n>"],
  [/(?<![\d.])\d+\.\d+\.\d+(?![\d.])(-\S+)?/g, "<version>"],
  [/\[\d+s\]/g, "[<span>]"],
];

/** A screen without what differs. */
export function masked(screen: string, more: readonly [RegExp | string, string][] = []): string {
  let text = screen;
  for (const [pattern, name] of more) text = text.replaceAll(pattern, name);
  for (const [pattern, name] of MASKS) text = text.replace(pattern, name);
  return `${text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trim()}\n`;
}

/** Compares a masked screen with the stored one. */
export function assertGolden(name: string, screen: string): void {
  const file = join(import.meta.dirname, "golden", `${name}.golden`);
  if (process.env["NEMOCLAW_GOLDEN"] === "write") writeFileSync(file, screen);
  assert.ok(existsSync(file), `there is no ${file}: make it with NEMOCLAW_GOLDEN=write`);
  assert.equal(screen, readFileSync(file, "utf8"), name);
}
