/** Runs the real `nemoclaw doctor --json` on a home of the test's own, and reads what it found. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Finding, Verdict } from "../../../src/cli/preflight/finding.ts";
import { makeLayout } from "../../../src/cli/supervisor/layout.ts";
import { usersFor } from "../../../src/cli/supervisor/users.ts";
import type { Paths } from "../../../src/lib/paths.ts";
import { makeHome } from "../../helpers/service.ts";

export const ROOT = join(import.meta.dirname, "..", "..", "..");
export const AS_ROOT = process.getuid?.() === 0;

/** What the doctor said. */
export interface Diagnosis {
  status: number;
  checks: Map<string, Omit<Finding, "verdict"> & { state: Verdict }>;
}

/** How to run it. */
export interface Examination {
  env?: Record<string, string>;
  /** Another copy of the project. */
  project?: string;
  /** Runs this shell script first, in mount and other namespaces of its own; `$@` is the doctor. As root. */
  inside?: { unshare: string[]; script: string };
}

/** One run. */
export async function doctor(
  home: string,
  { env = {}, project = ROOT, inside }: Examination = {},
): Promise<Diagnosis> {
  const command = [process.execPath, join(project, "bin", "nemoclaw"), "doctor", "--json"];
  const [program = "", ...args] = inside
    ? ["unshare", ...inside.unshare, "sh", "-ec", `${inside.script}\nexec "$@"`, "sh", ...command]
    : command;
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"], NEMOCLAW_HOME: home, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  child.stderr.on("data", (chunk) => (err += String(chunk)));
  const status = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  assert.match(out, /^\{"schemaVersion":1,/, err);
  assert.doesNotMatch(err, /^\s+at /m, "no stack");
  const { checks, state } = JSON.parse(out) as { state: string; checks: (Finding & { state: Verdict })[] };
  assert.equal(status, state === "fail" ? 1 : 0);
  return { status, checks: new Map(checks.map((check) => [check.name, check])) };
}

/** Asserts that this check names this trouble with this fix. */
export function expectTrouble(
  { checks }: Diagnosis,
  name: string,
  state: Verdict,
  detail: RegExp,
  fix: RegExp,
): void {
  const check = checks.get(name);
  assert.ok(check, `no check "${name}" among ${[...checks.keys()].join(", ")}`);
  assert.equal(check.state, state, check.detail);
  assert.match(check.detail, detail);
  assert.match(check.fix ?? "", fix);
}

/** A home as a first start leaves it, and its configuration. */
export function sickHome(config: Record<string, unknown> = {}): { home: string; paths: Paths } {
  const home = makeHome();
  const uid = process.getuid?.() ?? -1;
  const paths = makeLayout(home, usersFor(uid, process.getgid?.() ?? -1), uid === 0);
  writeFileSync(paths.config, JSON.stringify(config));
  return { home, paths };
}

/** Runs a test on a home of its own. */
export async function onHome(
  config: Record<string, unknown>,
  test: (it: ReturnType<typeof sickHome>) => Promise<void>,
): Promise<void> {
  const sick = sickHome(config);
  try {
    await test(sick);
  } finally {
    rmSync(sick.home, { recursive: true, force: true });
  }
}

/** Puts a secret where the doctor's user finds it. */
export function plantSecret(
  paths: Paths,
  owner: "gateway" | "telegram-bridge",
  name: string,
  value: string,
): string {
  const file = join(paths.secrets(owner), name);
  mkdirSync(paths.secrets(owner), { recursive: true });
  writeFileSync(file, value, { mode: 0o600 });
  return file;
}

/** A provider that takes every key and whose clock runs wrong. */
export async function startWrongClock(aheadMs: number): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((_, response) => {
    response.setHeader("date", new Date(Date.now() + aheadMs).toUTCString());
    response.setHeader("content-type", "application/json");
    response.end('{"object":"list","data":[]}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => void server.close(),
  };
}
