/** `nemoclaw NAME connect`, `exec` and `agent`: a shell, a program, or OpenClaw's own command inside the sandbox. */
import { Command, InvalidArgumentError } from "commander";
import { Fault } from "../../../lib/errors.ts";
import type { HomeOption } from "../../policy/target.ts";
import { reach } from "../../sandbox/reach.ts";
import { requireTerminal, runSession } from "../../sandbox/session.ts";

/** `connect`. */
export function connectCommand(name: string): Command {
  return new Command("connect")
    .description("open a shell in the sandbox, caged as its agent is")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Inside:
  openclaw tui                                      chat with the agent in the terminal
  openclaw agent --agent main --local -m "Hello"    one question, answered by an agent of its own
Leave with exit or Ctrl-D; Enter ~ . hangs up on a session that doesn't answer. What the shell started ends with it.`,
    )
    .action(async (options: HomeOption) => {
      const sandbox = reach(name, options);
      requireTerminal();
      process.exitCode = await runSession(sandbox, { argv: [], tty: true });
    });
}

interface ExecOptions extends HomeOption {
  workdir?: string;
  tty?: boolean;
  timeout?: number;
}

/** `exec`. */
export function execCommand(name: string): Command {
  return new Command("exec")
    .description("run a program in the sandbox; its exit code is passed on")
    .argument("<command...>", "program and arguments, after --")
    .option("-w, --workdir <dir>", "where, relative to the home")
    .option("-t, --tty", "with a terminal (default: when this is one)")
    .option("--no-tty", "without")
    .option("--timeout <seconds>", "end it after this time, with exit code 124", seconds)
    .option("--home <dir>", "home of the installation")
    .passThroughOptions()
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw ${name} exec -- ls -la workspace
  nemoclaw ${name} exec -- python3 -c 'print(6 * 7)'
  tar c src | nemoclaw ${name} exec -w workspace -- tar x`,
    )
    .action(async (argv: string[], options: ExecOptions) => {
      const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
      const tty = options.tty ?? terminal;
      if (tty) requireTerminal();
      const { workdir: cwd, timeout: timeoutS } = options;
      process.exitCode = await runSession(reach(name, options), { argv, cwd, tty, timeoutS });
    });
}

/** What says whose words they are; without one of them it is the main agent's main session. */
const ADDRESS = ["--agent", "--session-id", "--session-key", "--to", "-t"];

/** `agent`. */
export function agentCommand(name: string): Command {
  return new Command("agent")
    .description("ask the sandbox's agent (openclaw agent …) and print its answer")
    .argument("[arguments...]", "as of openclaw agent: -m TEXT, --session-id ID, --json …")
    .option("--home <dir>", "home of the installation")
    .passThroughOptions()
    .allowUnknownOption()
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw ${name} agent -m "What is 2+2?"
  nemoclaw ${name} agent --session-id nightly --json -m "Summarise ~/workspace/log.txt"`,
    )
    .action(async (given: string[], options: HomeOption) => {
      const says = (words: string[]) =>
        given.some((word) => words.some((one) => word === one || word.startsWith(`${one}=`)));
      if (!says(["-m", "--message", "--message-file", "--help"]))
        throw new Fault({
          code: "usage",
          message: "there is nothing to say",
          hint: `nemoclaw ${name} agent -m "…"`,
        });
      const address = says(ADDRESS) ? [] : ["--agent", "main"];
      const argv = ["openclaw", "agent", ...address, ...given];
      process.exitCode = await runSession(reach(name, options), { argv, tty: false });
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0) || value > 86_400) throw new InvalidArgumentError("expected seconds, at most a day");
  return value;
}
