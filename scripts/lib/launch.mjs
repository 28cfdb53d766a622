/**
 * From the system's Node 20 to the project's own Node 24: what `bin/nemoclaw`, `bin/openshell` and `npm start` share.
 * Sets up what the command needs and is missing; when nothing is missing this costs a few milliseconds.
 */

import { join, resolve } from "node:path";
import { DOCKER_PROGRAMS, ensurePrograms, RUN_PROGRAMS } from "./debian.mjs";
import { ensureNpm } from "./npm.mjs";
import { checkPlatform } from "./platform.mjs";
import { entry, IS_CLONE, ROOT, requireNode } from "./project.mjs";
import { homeOf, reachably } from "./reach.mjs";
import { become } from "./run.mjs";
import { die } from "./say.mjs";

/** @param {string[]} args @param {string} flag */
function optionOf(args, flag) {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  return at < 0 ? undefined : args[at]?.includes("=") ? args[at]?.slice(flag.length + 1) : args[at + 1];
}

/** One process by itself sets nothing up: it may be an ordinary user's, in a container. @param {string[]} args */
function isAlone(args) {
  return args.includes("--alone") || ["launcher", "access", "gateway", "worker"].includes(args[1] ?? "");
}

/**
 * Runs one of our programs with the project's Node 24.
 * @param {"nemoclaw" | "openshell"} name
 * @param {string[]} args
 */
export async function launch(name, args) {
  try {
    const asksHelp = args.includes("--help") || args.includes("-h");
    const starts = name === "nemoclaw" && args[0] === "start" && !asksHelp && !isAlone(args);
    // Onboarding starts the service in the end, in the background, where nobody could be asked for a password.
    const setsUp = starts || (name === "nemoclaw" && args[0] === "onboard" && !asksHelp);
    if (setsUp) {
      const driver = optionOf(args, "--driver") ?? process.env["NEMOCLAW_DRIVER"] ?? "process";
      checkPlatform({ driver });
      await ensurePrograms(driver === "docker" ? DOCKER_PROGRAMS : RUN_PROGRAMS, {
        yes: args.includes("--yes"),
      });
    }
    if (IS_CLONE) await ensureNpm({ dev: false });
    const command = { program: requireNode(), args: [entry(`cli/${name}`), ...args] };
    const { program, args: all } = starts
      ? reachably(homeOf(args, process.env), command.program, command.args)
      : command;
    // Compiled code is kept, which halves the time until the first output; where it can't be kept, nothing is lost.
    const cache = join(ROOT, "node_modules", ".cache", "nemoclaw");
    const { NEMOCLAW_HOME } = process.env;
    // Absolute from here on: the program may begin in another folder.
    const home = NEMOCLAW_HOME ? { NEMOCLAW_HOME: resolve(NEMOCLAW_HOME) } : {};
    await become(program, all, { NODE_COMPILE_CACHE: cache, ...process.env, ...home });
  } catch (error) {
    die(error);
  }
}
