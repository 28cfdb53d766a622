/** `openshell sandbox connect|exec|start|stop|delete`: the same work as `nemoclaw NAME …`, in OpenShell's words. */
import { createInterface } from "node:readline/promises";
import { Command, InvalidArgumentError } from "commander";
import { Fault } from "../../../lib/errors.ts";
import { EXIT, say } from "../../io.ts";
import type { HomeOption } from "../../policy/target.ts";
import { askWorker, reach } from "../../sandbox/reach.ts";
import { requireTerminal, runSession } from "../../sandbox/session.ts";
import { destroy } from "../sandbox/lifecycle.ts";

interface ExecOptions extends HomeOption {
  workdir?: string;
  tty?: boolean;
  timeout?: number;
  name?: string;
}

const home = ["--home <dir>", "home of the installation"] as const;

/** `connect`. */
export function connectCommand(): Command {
  return new Command("connect")
    .description("open a shell in the sandbox, caged as its agent is")
    .argument("<sandbox>")
    .option(...home)
    .action(async (name: string, options: HomeOption) => {
      const sandbox = reach(name, options);
      requireTerminal();
      process.exitCode = await runSession(sandbox, { argv: [], tty: true });
    });
}

/** `exec`. */
export function execCommand(): Command {
  return new Command("exec")
    .description("run a program in the sandbox; its exit code is passed on")
    .argument("<sandbox>")
    .argument("<command...>", "program and arguments, after --")
    .option("-w, --workdir <dir>", "where, relative to the home")
    .option("-t, --tty", "with a terminal (default: when this is one)")
    .option("--no-tty", "without")
    .option("--timeout <seconds>", "end it after this time, with exit code 124", seconds)
    .option(...home)
    .action(async (name: string, argv: string[], options: ExecOptions) => {
      const tty = options.tty ?? (process.stdin.isTTY === true && process.stdout.isTTY === true);
      if (tty) requireTerminal();
      const { workdir: cwd, timeout: timeoutS } = options;
      process.exitCode = await runSession(reach(name, options), { argv, cwd, tty, timeoutS });
    });
}

/** `start`. */
export function startCommand(): Command {
  return new Command("start")
    .description("start the sandbox and wait until its agent is warm")
    .argument("<sandbox>")
    .option(...home)
    .action(async (name: string, options: HomeOption) => {
      await found(name, async () => {
        await startSandbox(name, options);
        console.log(`✓ Started sandbox ${name}`);
      });
    });
}

/** Starts it; resolves when its agent is warm. */
export async function startSandbox(name: string, options: HomeOption): Promise<void> {
  await askWorker(reach(name, options), "sandbox.start");
}

/** `stop`. */
export function stopCommand(): Command {
  return new Command("stop")
    .description("end everything in the sandbox and keep it so until it is started; its files stay")
    .argument("<sandbox>")
    .option(...home)
    .action(async (name: string, options: HomeOption) => {
      await found(name, async () => {
        await askWorker(reach(name, options), "sandbox.stop");
        console.log(`✓ Stopped sandbox ${name}`);
      });
    });
}

/** `delete`. A terminal is asked whether that is meant; scripts have said so by their words, as in OpenShell. */
export function deleteCommand(): Command {
  return new Command("delete")
    .description("remove sandboxes with all their files")
    .argument("<sandbox...>")
    .option("-y, --yes", "without asking in a terminal")
    .option(...home)
    .action(async (names: string[], options: HomeOption & { yes?: boolean }) => {
      for (const name of names)
        await found(name, async () => {
          const sandbox = reach(name, options);
          if (!options.yes && !(await meant(name))) return console.log("Cancelled.");
          await destroy(sandbox);
          console.log(`✓ Deleted sandbox ${name}`);
        });
    });
}

async function meant(name: string): Promise<boolean> {
  if (!process.stdin.isTTY) return true;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`Delete sandbox ${name} with all its files? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    prompt.close();
  }
}

/** OpenShell's line for a name that isn't there. */
async function found(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "sandbox-unknown") throw error;
    console.log(`! Sandbox ${name} not found`);
    if (error.hint) say(`  → ${error.hint}`);
    process.exitCode = EXIT.failed;
  }
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0) || value > 86_400) throw new InvalidArgumentError("expected seconds, at most a day");
  return value;
}
