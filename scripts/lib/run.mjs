/**
 * Running other programs: with visible progress during set-up, and in place of this process (as `exec` would).
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { SetupError, say } from "./say.mjs";

/** Signals that a stand-in passes on to the program that it stands for. */
const PASSED_ON = /** @type {const} */ (["SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2", "SIGCONT", "SIGWINCH"]);

/**
 * Runs one step of the set-up. Its output goes to stderr in a terminal, else is kept and shown only when it fails;
 * meanwhile a line every ten seconds shows that it goes on.
 * @param {string} what e.g. "npm packages"
 * @param {string[]} command
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, stdin?: "inherit" | "ignore" }} [options]
 */
export async function step(what, command, options = {}) {
  const [program = "", ...args] = command;
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  say(`· ${what} …`);
  const interactive = process.stderr.isTTY === true;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: [options.stdin ?? "ignore", interactive ? 2 : "pipe", interactive ? 2 : "pipe"],
  });
  /** @type {Buffer[]} */
  const output = [];
  child.stdout?.on("data", (chunk) => output.push(chunk));
  child.stderr?.on("data", (chunk) => output.push(chunk));
  const beat = setInterval(() => say(`  … ${what}: ${seconds()}`), 10_000);
  const code = await new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new SetupError(`${what}: can't run ${program}: ${error.message}`, [`Is ${program} in PATH?`])),
    );
    child.once("close", (status, signal) => resolve(status ?? signal));
  }).finally(() => clearInterval(beat));
  if (code !== 0) {
    process.stderr.write(Buffer.concat(output).toString("utf8").slice(-8_000));
    throw new SetupError(`${what}: \`${command.join(" ")}\` ended with ${code} after ${seconds()}`);
  }
  say(`✓ ${what} (${seconds()})`);
}

/**
 * Becomes another program: by execve(2) where this Node has it, else as a stand-in that passes signals on and ends as
 * the program ends. Never returns. An interrupt in a terminal reaches the program from the terminal itself.
 * @param {string} program absolute path
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<never>}
 */
export async function become(program, args, env = process.env) {
  if (typeof process.execve === "function") process.execve(program, [program, ...args], definedOnly(env));
  // Before the program runs: a signal that came in between would end the stand-in alone and leave the program behind.
  for (const signal of PASSED_ON) process.on(signal, () => child.kill(signal));
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  const child = spawn(program, args, { stdio: "inherit", env });
  /** @type {{ status: number | null, signal: NodeJS.Signals | null }} */
  const end = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, signal) => resolve({ status, signal }));
  });
  if (end.signal) {
    for (const signal of PASSED_ON) process.removeAllListeners(signal);
    process.removeAllListeners("SIGINT");
    process.kill(process.pid, end.signal);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    process.exit(128 + (constants.signals[end.signal] ?? 0));
  }
  process.exit(end.status ?? 1);
}

/** @param {NodeJS.ProcessEnv} env @returns {Record<string, string>} */
function definedOnly(env) {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
