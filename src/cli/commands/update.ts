/** `nemoclaw update`: is there a newer one, and how it gets here. Changes nothing by itself. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { PROJECT_ROOT } from "../project.ts";
import { version } from "../version.ts";

/** Whom we ask has this long. Milliseconds. */
const ASK_MS = 20_000;

interface Report {
  readonly current: string;
  /** Undefined: nobody could say. */
  readonly latest: string | undefined;
  readonly newer: boolean | undefined;
  readonly why: string;
  readonly how: string;
  /** Runtimes of older blueprints: only space. */
  readonly oldRuntimes: readonly string[];
}

/** The subcommand. */
export function updateCommand(): Command {
  return new Command("update")
    .description("say whether this copy is the newest, and how to update it")
    .option("--check", "the same (it never updates by itself)")
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
A clone asks its own git remote, an installed release the npm registry. Exit code 0 when that could be said, else 1.

Examples:
  nemoclaw update --check
  nemoclaw update --check --json`,
    )
    .action(async (options: { json?: boolean; home?: string }) => {
      const isClone = existsSync(join(PROJECT_ROOT, "src", "cli"));
      const found = isClone ? await askGit() : await askNpm();
      const report = { ...found, oldRuntimes: await oldRuntimes(options.home ?? homeFrom(process.env)) };
      if (options.json) console.log(JSON.stringify(report));
      else for (const line of lines(report)) console.log(line);
      if (report.newer === undefined) process.exitCode = 1;
    });
}

function lines({ current, latest, newer, why, how, oldRuntimes }: Report): string[] {
  const verdict =
    newer === undefined
      ? `${current}; whether there is a newer one can't be said: ${why}`
      : newer
        ? `${current}; there is a newer one: ${latest}\n  → ${how}`
        : `${current} is the newest`;
  return [verdict, ...oldRuntimes.map((dir) => `old runtime, not used any more: ${dir}\n  → rm -r ${dir}`)];
}

async function askGit(): Promise<Omit<Report, "oldRuntimes">> {
  const how = `git -C ${PROJECT_ROOT} pull, then nemoclaw stop and nemoclaw start (agents go on)`;
  const head = await run("git", ["-C", PROJECT_ROOT, "rev-parse", "HEAD"]);
  const current = `${version} (${head.out.slice(0, 10) || "no git"})`;
  const remote = await run("git", ["-C", PROJECT_ROOT, "ls-remote", "--exit-code", "origin", "HEAD"]);
  const latest = /^([0-9a-f]{40})\s/.exec(remote.out)?.[1];
  if (!head.out || !latest)
    return {
      current,
      latest: undefined,
      newer: undefined,
      why: lastLine(remote.err) || "the clone has no remote",
      how,
    };
  // What the remote has may be known here already, when this clone is ahead of it.
  const known = await run("git", ["-C", PROJECT_ROOT, "merge-base", "--is-ancestor", latest, "HEAD"]);
  return { current, latest: latest.slice(0, 10), newer: known.code !== 0, why: "", how };
}

async function askNpm(): Promise<Omit<Report, "oldRuntimes">> {
  const how = "its install.sh --from the new release archive (docs/install.md)";
  const { code, out, err } = await run("npm", ["view", "nemoclaw-bridge", "version", "--json"]);
  const latest = /^"(\d+\.\d+\.\d+[^"]*)"$/.exec(out.trim())?.[1];
  if (code !== 0 || !latest) {
    const why = /E404/.test(err + out) ? "the registry doesn't have it" : lastLine(err) || "no answer";
    return { current: version, latest: undefined, newer: undefined, why, how };
  }
  return { current: version, latest, newer: isNewer(latest, version), why: "", how };
}

/** Compares `1.2.3`; anything after it doesn't count. */
export function isNewer(one: string, other: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/).slice(0, 3).map(Number);
  const [a, b] = [numbers(one), numbers(other)];
  const at = a.findIndex((part, n) => part !== b[n]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}

async function oldRuntimes(home: string): Promise<string[]> {
  const { resolveBlueprint } = await import("../../sandbox/index.ts");
  const { runtime } = pathsOf(home);
  try {
    const { digest } = await resolveBlueprint(PROJECT_ROOT);
    return readdirSync(runtime)
      .filter((name) => /^[0-9a-f]{64}$/.test(name) && name !== digest)
      .map((name) => join(runtime, name));
  } catch {
    return []; // No home yet, or a blueprint that doctor speaks of.
  }
}

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";

function run(program: string, args: string[]): Promise<{ code: number; out: string; err: string }> {
  // A remote that wants a password must not ask for one here.
  const env = { ...process.env, GIT_TERMINAL_PROMPT: "0", GIT_SSH_COMMAND: "ssh -o BatchMode=yes" };
  return new Promise((resolve) => {
    execFile(program, args, { timeout: ASK_MS, env }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, out: out.trim(), err: err || (error?.message ?? "") });
    });
  });
}
