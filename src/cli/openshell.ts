/** The command `openshell`: runs what `openshell-program.ts` describes. */
import { CommanderError } from "commander";
import { EXIT, report } from "./io.ts";
import { openshellProgram } from "./openshell-program.ts";

try {
  await openshellProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else process.exitCode = report(error, "openshell");
}
