/** A command line of this project, run as a user types it. */
import { spawn } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");

/** What became of it. */
export interface Run {
  code: number | null;
  out: string;
  err: string;
  ms: number;
}

/** Runs `bin/<program>` on a home; the environment holds only PATH, the home and `env`. */
export function runCommand(
  program: "openshell" | "nemoclaw",
  args: readonly string[],
  options: { home: string; env?: Record<string, string>; input?: string },
): Promise<Run> {
  const since = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, "bin", program), ...args], {
      cwd: options.home,
      env: {
        PATH: process.env["PATH"],
        NEMOCLAW_HOME: options.home,
        HOME: options.home,
        TZ: "UTC",
        ...options.env,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const run: Run = { code: null, out: "", err: "", ms: 0 };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (run.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (run.err += text));
    child.stdin.on("error", () => {}); // It ended without reading.
    child.stdin.end(options.input ?? "");
    child.on("close", (code) => resolve({ ...run, code, ms: performance.now() - since }));
  });
}
