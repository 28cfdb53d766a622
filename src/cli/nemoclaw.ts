/** The command `nemoclaw`: finds out which program is meant, a command or a sandbox's, and runs it. */
import { CommanderError } from "commander";
import { EXIT, report, say } from "./io.ts";
import { commandNames, nemoclawProgram } from "./nemoclaw-program.ts";

try {
  const [first = "", ...rest] = process.argv.slice(2);
  const program = nemoclawProgram();
  const isCommand =
    first === "" || first.startsWith("-") || first === "help" || commandNames(program).includes(first);
  if (isCommand) await program.parseAsync();
  else await runSandbox(first, rest);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else process.exitCode = report(error);
}

/** The first word is no command, so it should be a sandbox. */
async function runSandbox(name: string, rest: string[]): Promise<void> {
  const [{ knownSandboxes }, { didYouMean }, { homeFrom, pathsOf }, { DEFAULT_VERB, sandboxProgram }] =
    await Promise.all([
      import("./names/registry.ts"),
      import("./names/similar.ts"),
      import("../lib/paths.ts"),
      import("./sandbox-program.ts"),
    ]);
  const at = rest.indexOf("--home");
  const home = (at >= 0 ? rest[at + 1] : undefined) ?? homeFrom(process.env);
  const names = knownSandboxes(pathsOf(home)).sandboxes.flatMap((one) => [one.name, one.id]);
  const program = sandboxProgram(name);
  const verbs = commandNames(program);
  const asksHelp = rest.some((word) => word === "--help" || word === "-h" || word === "help");
  if (
    !names.includes(name) &&
    !(asksHelp && rest.length > 0 && !didYouMean(name, commandNames(nemoclawProgram())))
  ) {
    const near = didYouMean(name, [...commandNames(nemoclawProgram()), ...names]);
    say(`error: unknown command '${name}'`);
    if (near) say(`(Did you mean ${near}?)`);
    say(`Sandboxes: ${names.filter((one) => !one.startsWith("p_")).join(", ")}`);
    say("nemoclaw --help lists the commands.");
    process.exitCode = EXIT.usage;
    return;
  }
  const [verb = ""] = rest;
  const args =
    (verb === "" || verb.startsWith("--home")) && verbs.includes(DEFAULT_VERB)
      ? [DEFAULT_VERB, ...rest]
      : rest;
  await program.parseAsync(args.length > 0 ? args : ["--help"], { from: "user" });
}
