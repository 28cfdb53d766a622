/**
 * The real agent's runtime for tests: installed once per machine and user, then hard-linked into each home, because an
 * installation takes most of a minute.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { createLogger } from "../../src/lib/logging.ts";
import { ensureRuntime, resolveBlueprint } from "../../src/sandbox/index.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Makes `dir` (`home/runtime/<digest>`) a complete runtime. */
export async function realRuntime(dir: string): Promise<void> {
  if (existsSync(dir)) return;
  const cache = join(tmpdir(), `nemoclaw-test-runtime-${userInfo().uid}`);
  mkdirSync(cache, { recursive: true, mode: 0o755 });
  const { dir: from } = await ensureRuntime({
    blueprint: await resolveBlueprint(ROOT),
    paths: { runtime: cache },
    node: process.execPath,
    logger: createLogger({ process: "test", level: "error" }),
  });
  mkdirSync(dirname(dir), { recursive: true, mode: 0o755 });
  execFileSync("cp", ["-a", "--link", from, dir]);
}
