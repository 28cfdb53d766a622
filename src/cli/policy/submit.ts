/**
 * Changes of a policy from the command line: says on stderr what became of them, in OpenShell's words, and waits for the
 * gateway where that is asked for. Exit codes: 0 done, 1 refused or not loaded, 124 not loaded in time.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { ChangeOutcome, PolicyView } from "../../gateway/index.ts";
import { Fault } from "../../lib/errors.ts";
import { EXIT, say, unreadable } from "../io.ts";
import { diffText, shortHash } from "./render.ts";
import { askGateway, type HomeOption, operatorName } from "./target.ts";

/** How a change is followed. */
export interface SubmitOptions extends HomeOption {
  wait?: boolean;
  /** Seconds. */
  timeout?: number;
  dryRun?: boolean;
  note?: string;
}

/** First looks come quickly, then once a second. */
const LOOKS_MS = [50, 100, 200, 400];

/** A policy file's text; `-` is standard input. @throws Fault `policy-file`, or `usage` when it can't be read */
export function readPolicyFile(path: string): { file: string; text: string } {
  try {
    const text = path === "-" ? readFileSync(0, "utf8") : readFileSync(path, "utf8");
    if (text.length > 1024 * 1024)
      throw new Fault({ code: "policy-file", message: `${path}:1:1: longer than 1 MB` });
    return { file: path === "-" ? "stdin" : path, text };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw unreadable(path, cause);
  }
}

/** Makes a change and reports; sets the exit code. */
export async function submit(
  method: string,
  target: string,
  params: Record<string, unknown>,
  options: SubmitOptions,
): Promise<ChangeOutcome> {
  const outcome = await askGateway<ChangeOutcome>(options, method, {
    target,
    ...params,
    by: operatorName(),
    note: options.note ?? "",
    ...(options.dryRun ? { dryRun: true } : {}),
  });
  if (outcome.kind === "invalid") {
    for (const { at, message } of outcome.problems) say(`${at}: ${message}`);
    process.exitCode = EXIT.failed;
    return outcome;
  }
  for (const { at, message } of outcome.warnings) say(`⚠ ${at}: ${message}`);
  if (options.dryRun) {
    console.log(diffText(outcome.diff));
    say(
      outcome.kind === "unchanged"
        ? `· Policy unchanged (version ${outcome.version}, hash: ${shortHash(outcome.hash)})`
        : "· Dry run: nothing was changed",
    );
    return outcome;
  }
  if (outcome.kind === "unchanged") {
    say(`· Policy unchanged (version ${outcome.version}, hash: ${shortHash(outcome.hash)})`);
    return outcome;
  }
  if (outcome.inherits)
    say(`· The default policy (version ${outcome.inherits}) holds for this sandbox too: policy get --full`);
  say(`✓ Policy version ${outcome.version} submitted (hash: ${shortHash(outcome.hash)})`);
  if (options.wait) await waitLoaded(target, outcome.version, options);
  return outcome;
}

async function waitLoaded(target: string, version: number, options: SubmitOptions): Promise<void> {
  const until = performance.now() + (options.timeout ?? 60) * 1_000;
  for (let look = 0; ; look++) {
    const { status, active, error } = await askGateway<PolicyView>(options, "policy.get", {
      target,
      rev: version,
    });
    if (status === "Loaded") return say(`✓ Policy version ${version} loaded (active version: ${active})`);
    if (status === "Superseded")
      return say(`⚠ Policy version ${version} was superseded (active version: ${active})`);
    if (status === "Failed") {
      say(`✗ Policy version ${version} failed to load: ${error}`);
      process.exitCode = EXIT.failed;
      return;
    }
    const left = until - performance.now();
    if (left <= 0) {
      say(`✗ Timeout waiting for policy version ${version} to load`);
      process.exitCode = EXIT.timeout;
      return;
    }
    await sleep(Math.min(LOOKS_MS[look] ?? 1_000, left));
  }
}
