/** `nemoclaw completion`: what a shell needs to complete our commands, options and sandboxes. */
import { Argument, Command, Option } from "commander";
import { Fault } from "../../lib/errors.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";

/** The subcommand. `program` gives all of nemoclaw's commands. */
export function completionCommand(program: () => Command): Command {
  return new Command("completion")
    .description("print completion for a shell: commands, options, names of sandboxes")
    .addArgument(new Argument("[shell]", "which one").choices(["bash", "zsh", "fish"]))
    .addOption(new Option("--names", "names of sandboxes, one a line").hideHelp())
    .addHelpText(
      "after",
      `
Examples:
  source <(nemoclaw completion bash)                                    now; in ~/.bashrc: always
  source <(nemoclaw completion zsh)                                     the same in ~/.zshrc
  nemoclaw completion fish > ~/.config/fish/completions/nemoclaw.fish`,
    )
    .action(async (shell: string | undefined, options: { names?: boolean }) => {
      if (options.names) {
        const { knownSandboxes } = await import("../names/registry.ts");
        for (const { name } of knownSandboxes(pathsOf(homeFrom(process.env))).sandboxes) console.log(name);
        return;
      }
      if (shell === undefined)
        throw new Fault({
          code: "usage",
          message: "for which shell?",
          hint: "nemoclaw completion bash, zsh or fish",
        });
      const [scripts, { wordsOf }, { sandboxProgram }, { openshellProgram }] = await Promise.all([
        import("../completion/scripts.ts"),
        import("../completion/words.ts"),
        import("../sandbox-program.ts"),
        import("../openshell-program.ts"),
      ]);
      const words = new Map([...wordsOf(program()), ...wordsOf(sandboxProgram("NAME"), "@")]);
      const all = [
        { program: "nemoclaw", words, named: true },
        { program: "openshell", words: wordsOf(openshellProgram()), named: false },
      ];
      const render = {
        bash: scripts.bashCompletion,
        zsh: scripts.zshCompletion,
        fish: scripts.fishCompletion,
      };
      process.stdout.write(render[shell as keyof typeof render](all));
    });
}
