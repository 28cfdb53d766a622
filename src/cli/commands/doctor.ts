/** `nemoclaw doctor`: what is wrong here, each with what mends it. */
import { Command } from "commander";
import { homeFrom } from "../../lib/paths.ts";
import { EXIT } from "../io.ts";
import type { Finding, Verdict } from "../preflight/finding.ts";
import { PROJECT_ROOT } from "../project.ts";

/** The subcommand. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("check machine, home, configuration, Redis, providers and bots; each trouble with its fix")
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Works with the service running and without. Asks the provider and Telegram once, with your key and token.
Exit codes: 0 nothing fails (there may be warnings), 1 something fails.

Examples:
  nemoclaw doctor
  nemoclaw doctor --json | jq '.checks[] | select(.state != "ok")'`,
    )
    .action(async (options: { json?: boolean; home?: string }) => {
      const { diagnose } = await import("../doctor/index.ts");
      const findings = await diagnose(options.home ?? homeFrom(process.env), PROJECT_ROOT, process.env);
      if ((await reportFindings(findings, options.json === true)) === "fail") process.exitCode = EXIT.failed;
    });
}

/** Prints findings, for people or as one JSON object, and says how bad the worst is. */
export async function reportFindings(findings: readonly Finding[], json: boolean): Promise<Verdict> {
  const { describeFinding, worst } = await import("../preflight/finding.ts");
  const state = worst(findings);
  if (json) {
    const checks = findings.map(({ verdict, ...rest }) => ({ ...rest, state: verdict }));
    console.log(JSON.stringify({ schemaVersion: 1, state, checks }));
  } else {
    for (const finding of findings) console.log(describeFinding(finding));
    console.log(`\n${summary(findings.map(({ verdict }) => verdict))}`);
  }
  return state;
}

function summary(verdicts: readonly string[]): string {
  const count = (which: string) => verdicts.filter((verdict) => verdict === which).length;
  const [fails, warnings] = [count("fail"), count("warn")];
  if (fails === 0 && warnings === 0) return `All ${verdicts.length} checks pass.`;
  return `${verdicts.length} checks: ${fails} to mend, ${warnings} to know.`;
}
