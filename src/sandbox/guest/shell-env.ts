/**
 * What a program that the operator runs inside is started with: the agent's environment without the agent's mark, our
 * `openclaw` first on PATH, and of the operator's own variables only what a terminal needs. Pure but for one look at what
 * the gateway wrote.
 */
import { fileURLToPath } from "node:url";
import { agentEnv, MARKER, SHELL_MARKER } from "./agent-config.ts";
import type { GuestPaths, StartConfig } from "./paths.ts";
import { trustEnv } from "./trust.ts";

/** Variables that the operator's terminal may bring. None can change what a program loads or trusts. */
const ALLOWED = ["TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "COLUMNS", "LINES", "NO_COLOR"];
/** Longest value. */
const MAX_VALUE = 256;

const shellFile = (name: string) => fileURLToPath(new URL(`./shell/${name}`, import.meta.url));

/** Gives a program a terminal. */
export const PTY_PROGRAM: string = shellFile("pty.pl");

/** The interactive shell. Without the home's own start-up files: the agent could have written them. */
export const SHELL: readonly string[] = ["/bin/bash", "--noprofile", "--rcfile", shellFile("bashrc"), "-i"];

/** The whole environment of a session's program. */
export function shellEnv(
  start: StartConfig,
  paths: GuestPaths,
  asked: Record<string, string>,
  mark: string,
): Record<string, string> {
  const { [MARKER]: _agent, ...env } = agentEnv(start, paths);
  const taken = Object.entries(asked).filter(
    ([name, value]) =>
      ALLOWED.includes(name) &&
      typeof value === "string" &&
      value.length <= MAX_VALUE &&
      !/[\0\n]/.test(value),
  );
  const tests = process.env["NEMOCLAW_GUEST_PATHS"];
  return {
    ...env,
    ...trustEnv(paths),
    ...Object.fromEntries(taken),
    PATH: `${shellFile("bin")}:${env["PATH"]}`,
    NEMOCLAW_NODE: paths.node,
    [SHELL_MARKER]: mark,
    ...(tests === undefined ? {} : { NEMOCLAW_GUEST_PATHS: tests }),
  };
}
