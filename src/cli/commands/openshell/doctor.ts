/** `openshell doctor check`: the same checks as `nemoclaw doctor`, under OpenShell's name. */
import { Command } from "commander";
import { doctorCommand } from "../doctor.ts";

/** The group. */
export function openshellDoctorCommand(): Command {
  return new Command("doctor")
    .description("what is wrong here, each with what mends it")
    .helpCommand(false)
    .addCommand(doctorCommand().name("check").exitOverride())
    .addHelpText("after", "\nExamples:\n  openshell doctor check\n  openshell doctor check --json");
}
