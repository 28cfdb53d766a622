/** The command `openshell`: runs what `openshell-program.ts` describes; of a known group only that group is loaded. */
import { type Command, CommanderError } from "commander";
import { EXIT, report } from "./io.ts";
import { openshellBase } from "./openshell-base.ts";

/** Groups by the word that is typed, where loading everything would be felt; the others come with the whole program. */
const GROUPS: Readonly<Record<string, () => Promise<Command>>> = {
  sandbox: async () => (await import("./commands/openshell/sandbox.ts")).sandboxCommand(),
  policy: async () => (await import("./commands/openshell/policy.ts")).openshellPolicyCommand(),
  rule: async () => (await import("./commands/openshell/rule.ts")).ruleCommand(),
  logs: async () => (await import("./commands/openshell/logs.ts")).openshellLogsCommand(),
  term: async () => (await import("./commands/openshell/term.ts")).termCommand(),
  status: async () => (await import("./commands/openshell/status.ts")).openshellStatusCommand(),
};

try {
  const load = Object.hasOwn(GROUPS, process.argv[2] ?? "") ? GROUPS[process.argv[2] ?? ""] : undefined;
  const program = load
    ? openshellBase().addCommand((await load()).exitOverride())
    : (await import("./openshell-program.ts")).openshellProgram();
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else process.exitCode = report(error, "openshell");
}
