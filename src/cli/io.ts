/**
 * How commands speak and end: results on stdout, everything else on stderr, one line per failure with what to do next,
 * and the exit codes of docs/operating.md.
 */
import { describeError, Fault } from "../lib/errors.ts";
import { homeFrom } from "../lib/paths.ts";

/** What an exit code means. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  homeInUse: 75,
  timeout: 124,
  interrupted: 130,
} as const;

/** Codes of Faults that end with something else than 1. */
const BY_CODE: Record<string, number> = {
  "not-running": EXIT.notRunning,
  "service-not-running": EXIT.notRunning,
  "home-in-use": EXIT.homeInUse,
  "config-invalid": EXIT.usage,
  usage: EXIT.usage,
  "bad-params": EXIT.usage,
};

/** A line for people on stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What to do when the system refuses. */
const SYSTEM_HINTS: Record<string, string> = {
  EACCES: "run this as the user who runs the service, or as root; or choose another home by NEMOCLAW_HOME",
  EPERM: "run this as the user who runs the service, or as root; or choose another home by NEMOCLAW_HOME",
  EROFS: "this disk can't be written: choose another place, or another home by NEMOCLAW_HOME",
  ENOSPC: "the disk is full: df -h shows it; make room, then try again",
  EEXIST: "a file lies where a folder is expected: choose another path, or another home by NEMOCLAW_HOME",
  ENOTDIR: "a file lies where a folder is expected: choose another path, or another home by NEMOCLAW_HOME",
};

/** Why a file that was named can't be read, in words. */
const UNREADABLE: Record<string, (path: string) => string> = {
  ENOENT: (path) => `there is no file ${path}`,
  ENOTDIR: (path) => `there is no file ${path}`,
  EACCES: (path) => `${path} may not be read by this user`,
  EPERM: (path) => `${path} may not be read by this user`,
  EISDIR: (path) => `${path} is a folder, not a file`,
};

/** For a file that the user named and that can't be read: wrong usage, said in words. */
export function unreadable(path: string, cause: unknown): Fault {
  const words = UNREADABLE[(cause as NodeJS.ErrnoException)?.code ?? ""];
  const message = words ? words(path) : `can't read ${path}: ${describeError(cause)}`;
  return new Fault({ code: "usage", message, cause });
}

function homeOf(args: readonly string[]): string {
  const at = args.findIndex((arg) => arg === "--home" || arg.startsWith("--home="));
  const said = args[at]?.includes("=") ? args[at].slice("--home=".length) : args[at + 1];
  return at >= 0 && said ? said : homeFrom(process.env);
}

/** Prints a failure and returns the exit code for it. Unknown errors keep their stack: they are bugs. */
export function report(error: unknown, program = "nemoclaw"): number {
  if (error instanceof Fault) {
    say(`${program}: ${error.message}`);
    if (error.hint) say(`  → ${error.hint}`);
    const code = BY_CODE[error.code] ?? EXIT.failed;
    // Another user's commands, or a forgotten NEMOCLAW_HOME, look elsewhere than the service runs.
    if (code === EXIT.notRunning)
      say(`  (looked in ${homeOf(process.argv)}; NEMOCLAW_HOME or --home says where)`);
    return code;
  }
  // The system's own refusals are no bugs, and say themselves what and where.
  if (error instanceof Error && "syscall" in error) {
    say(`${program}: ${error.message}`);
    const hint = SYSTEM_HINTS[(error as NodeJS.ErrnoException).code ?? ""];
    if (hint) say(`  → ${hint}`);
    return EXIT.failed;
  }
  say(`${program}: ${error instanceof Error ? (error.stack ?? error.message) : describeError(error)}`);
  return EXIT.failed;
}
