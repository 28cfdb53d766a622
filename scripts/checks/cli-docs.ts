/**
 * docs/cli.md, made from the commands themselves: each command's own help, as it prints it. `--write` makes the file (`npm
 * run docs`); without it the file is compared, so that a help text that changed fails the static gate.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { nemoclawProgram } from "../../src/cli/nemoclaw-program.ts";
import { openshellProgram } from "../../src/cli/openshell-program.ts";
import { sandboxProgram } from "../../src/cli/sandbox-program.ts";

const FILE = "docs/cli.md";
const WIDTH = 100;

const HEAD = `# Commands

Made from the commands' own help (\`npm run docs\`); do not edit by hand.

\`nemoclaw COMMAND\` is about the whole installation, \`nemoclaw SANDBOX COMMAND\` about one sandbox (here NAME), and
\`openshell COMMAND\` says the same in the words that OpenShell's users know. A word that isn't known is answered with the
nearest one that is. Results go to standard output, everything else to standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed, or refused |
| 2 | wrong usage or configuration |
| 3 | the service is not running on this home |
| 75 | another instance has this home |
| 124 | not done in time (\`--wait\`, \`queue drain\`) |
| 130 | interrupted |
`;

/** A command's help as it would print it, at a fixed width and without colours. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (piece) => (text += piece),
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

/** A command and everything below it, hidden ones left out. */
function sections(command: Command, path: string, depth: number): string[] {
  const subs = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== "help");
  const mark = "#".repeat(Math.min(depth, 4));
  return [
    `${mark} ${path}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``,
    ...subs.flatMap((sub) => sections(sub, `${path} ${sub.name()}`, depth + 1)),
  ];
}

const text = [
  HEAD.trimEnd(),
  ...sections(nemoclawProgram(), "nemoclaw", 2),
  ...sections(sandboxProgram("NAME"), "nemoclaw NAME", 2),
  ...sections(openshellProgram(), "openshell", 2),
].join("\n\n");

if (process.argv.includes("--write")) writeFileSync(FILE, `${text}\n`);
else if (!existsSync(FILE) || readFileSync(FILE, "utf8") !== `${text}\n`) {
  console.error(`${FILE} is not what the commands say: run npm run docs and commit it`);
  process.exit(1);
}
