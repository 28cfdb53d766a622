/** `nemoclaw NAME doctor`: what is wrong with one sandbox, each with what mends it. */
import { Command } from "commander";
import { EXIT } from "../../io.ts";
import type { HomeOption } from "../../policy/target.ts";
import { reach } from "../../sandbox/reach.ts";
import { reportFindings } from "../doctor.ts";
import { sandboxStatus } from "./status.ts";

/** `doctor`. */
export function sandboxDoctorCommand(name: string): Command {
  return new Command("doctor")
    .description("check this sandbox; each trouble with its fix (nemoclaw doctor checks everything else)")
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Exit codes: 0 nothing fails (there may be warnings), 1 something fails.

Examples:
  nemoclaw ${name} doctor
  nemoclaw ${name} doctor --json`,
    )
    .action(async (options: HomeOption & { json?: boolean }) => {
      const { sandboxFindings } = await import("../../doctor/sandbox.ts");
      const findings = sandboxFindings(await sandboxStatus(reach(name, options), options));
      if ((await reportFindings(findings, options.json === true)) === "fail") process.exitCode = EXIT.failed;
    });
}
