/**
 * `nemoclaw start --detach`: the same service in the background, waited for until it takes messages. What it prints while
 * it starts goes to `logs/start.log`, and from there to the operator when it fails.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "../../lib/errors.ts";
import { pathsOf } from "../../lib/paths.ts";
import { EXIT } from "../io.ts";
import { PROJECT_ROOT } from "../project.ts";
import { askControl, type ServiceStatus } from "../supervisor/control.ts";

/** The agent's runtime may have to be installed first. */
const LIMIT_MS = 15 * 60_000;
const LOOK_MS = 200;

/** How it is started. */
export interface DetachOptions {
  home: string;
  /** Arguments after `start --no-prompt`. */
  args: string[];
  /** Each new line that it prints. */
  progress: (line: string) => void;
}

/**
 * Starts it; resolves with its status when every process is ready, or all but a bridge whose platform is away.
 * @throws Fault `start-failed` with what it said last.
 */
export async function startDetached({ home, args, progress }: DetachOptions): Promise<ServiceStatus> {
  const paths = pathsOf(home);
  mkdirSync(paths.logs, { recursive: true, mode: 0o700 });
  const log = join(paths.logs, "start.log");
  const out = openSync(log, "w", 0o600);
  const child = spawn(
    process.execPath,
    [join(PROJECT_ROOT, "bin", "nemoclaw"), "start", "--no-prompt", "--background", ...args],
    {
      cwd: "/",
      detached: true,
      stdio: ["ignore", out, out],
      env: { ...process.env, NEMOCLAW_HOME: paths.home },
    },
  );
  closeSync(out);
  let exit: number | string | undefined;
  child.once("exit", (code, signal) => {
    exit = signal ?? code ?? -1;
  });
  child.once("error", (error) => {
    exit = error.message;
  });
  let told = 0;
  const lines = () => readFileSync(log, "utf8").split("\n").filter(Boolean);
  const tell = () => {
    const all = lines();
    for (const line of all.slice(told)) if (!isFailure(line)) progress(line);
    told = all.length;
  };
  for (const until = performance.now() + LIMIT_MS; performance.now() < until; await delay(LOOK_MS)) {
    tell();
    if (exit !== undefined) break;
    const status = await askControl<ServiceStatus>(paths.status, { op: "status" }).catch(() => undefined);
    if (status?.state !== "ready" && status?.state !== "degraded") continue;
    tell();
    child.unref();
    return status;
  }
  if (exit === undefined) child.kill("SIGTERM");
  const said = lines().filter(isFailure);
  throw new Fault({
    code: exit === EXIT.usage ? "config-invalid" : "start-failed",
    message: `the service did not start: ${said[0]?.replace(/^nemoclaw: /, "") ?? lines().at(-1) ?? exit ?? "it took too long"}`,
    hint: said[1]?.trim().replace(/^→ /, "") ?? `see ${log}`,
  });
}

/** A line by which the service says why it ends: said once, at the end. */
const isFailure = (line: string) => /^(nemoclaw:|\s*→)/.test(line);
