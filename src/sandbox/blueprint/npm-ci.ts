/**
 * Runs `npm ci` in one folder, with install scripts denied, and reports how far it is.
 * npm verifies each package against the lock's sha512; this file must never weaken that.
 */
import { spawn } from "node:child_process";

/** What a run of npm ended with. */
export interface NpmResult {
  ok: boolean;
  /** Last lines that npm printed, for the operator. */
  tail: string;
}

const ARGS = [
  "ci",
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
  "--no-update-notifier",
  "--loglevel=error",
];
const PROGRESS_MS = 5_000;

/** Installs the lock in `dir`. `npm` is the command with its leading arguments, e.g. `["npm"]`. */
export async function npmCi(
  npm: readonly string[],
  dir: string,
  onTick: (seconds: number) => void,
): Promise<NpmResult> {
  const [command = "npm", ...leading] = npm;
  const started = performance.now();
  const child = spawn(command, [...leading, ...ARGS], {
    cwd: dir,
    env: cleanEnv(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let tail = "";
  const keep = (chunk: Buffer) => {
    tail = (tail + chunk.toString("utf8")).slice(-2_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const timer = setInterval(() => onTick((performance.now() - started) / 1000), PROGRESS_MS);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    return { ok: code === 0, tail: tail.trim() };
  } catch (error) {
    return { ok: false, tail: `${command}: ${(error as Error).message}` };
  } finally {
    clearInterval(timer);
  }
}

/** The caller may itself run under `npm start`: what npm exported for *that* project must not steer this run. */
function cleanEnv(): NodeJS.ProcessEnv {
  const inherited =
    /^(npm_(package|lifecycle)_|npm_(command|execpath|node_execpath)$|npm_config_(local_prefix|prefix|global_prefix)$|INIT_CWD$|NODE_OPTIONS$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inherited.test(name)));
}
