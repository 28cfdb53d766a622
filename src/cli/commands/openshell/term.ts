/**
 * `openshell term`: what agents do, live, and the questions that a key answers. The same records as in the chats: whoever
 * answers first, anywhere, decides.
 */
import { Command } from "commander";
import { homeFrom, pathsOf } from "../../../lib/paths.ts";

/** The command. */
export function termCommand(): Command {
  return new Command("term")
    .description("watch live what agents do; allow or deny what they want to reach")
    .option("--plain", "lines instead of a screen (also when this is no terminal)")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Shows sandboxes, network requests with verdicts, files and tools, calls of the model, and open approvals.
Files and tools are what the sandboxes tell: claims, no proof. The proof is \`nemoclaw audit tail\`.

Keys: y once · n deny · a always · s this session · Tab or 1-5 pane · j k g G line · Enter more · / filter · ? help · q end

Examples:
  openshell term
  openshell term --plain | tee agents.log
  openshell rule get            the open questions, for scripts

Exit codes: 0 ended`,
    )
    .action(watch);
}

async function watch(options: { plain?: boolean; home?: string }): Promise<void> {
  const paths = pathsOf(options.home ?? homeFrom(process.env));
  const screen =
    !options.plain && process.stdin.isTTY && process.stdout.isTTY && process.env["TERM"] !== "dumb";
  // React's checks for developers cost time at each frame.
  process.env["NODE_ENV"] ??= "production";
  // The screen's library knows only its own variable.
  if (process.env["NO_COLOR"]) process.env["FORCE_COLOR"] = "0";
  // Loaded when it is used: the other commands needn't wait for a screen's library.
  if (screen) await (await import("../../term/screen.ts")).showScreen(paths);
  else await (await import("../../term/plain.ts")).printLines(paths);
  process.exitCode = 0;
}
