/** `openshell status`: whether the gateway answers, and what it is. Works with everything down, and says so. */
import { Command, Option } from "commander";
import { stringify } from "yaml";
import { Fault } from "../../../lib/errors.ts";
import { homeFrom, pathsOf } from "../../../lib/paths.ts";
import { EXIT } from "../../io.ts";
import type { HomeOption } from "../../policy/target.ts";
import { askControl, type ServiceStatus } from "../../supervisor/control.ts";
import { version } from "../../version.ts";

/** The command. */
export function openshellStatusCommand(): Command {
  return new Command("status")
    .description("is the gateway there, and how is it")
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]))
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
More: nemoclaw status (processes, protections, warnings), openshell sandbox list.

Examples:
  openshell status
  openshell status -o json

Exit codes: 0 connected · 1 it runs and has trouble · 3 not running`,
    )
    .action(async (options: HomeOption & { output?: "json" | "yaml" }) => {
      const home = options.home ?? homeFrom(process.env);
      const service = await running(home);
      const gateway = service?.services.find(({ name }) => name === "gateway");
      const ready = gateway?.state === "ready";
      const facts = {
        gateway: "nemoclaw",
        server: pathsOf(home).adminSocket,
        status: ready ? "Connected" : service ? "Disconnected" : "Not running",
        version: service?.version ?? version,
        ...(gateway && !ready ? { trouble: gateway.trouble || gateway.state } : {}),
      };
      process.exitCode = ready ? EXIT.ok : service ? EXIT.failed : EXIT.notRunning;
      if (options.output === "json") return console.log(JSON.stringify(facts));
      if (options.output === "yaml") return console.log(stringify(facts).trimEnd());
      console.log(
        [
          "Server Status",
          "",
          `  Gateway: ${facts.gateway}`,
          `  Server: ${facts.server}`,
          `  Status: ${facts.status}`,
          `  Version: ${facts.version}`,
          ...(facts.trouble ? [`  Error: ${facts.trouble}`] : []),
          ...(service ? [] : ["", "Start it with: nemoclaw start"]),
        ].join("\n"),
      );
    });
}

async function running(home: string): Promise<ServiceStatus | undefined> {
  try {
    return await askControl<ServiceStatus>(pathsOf(home).status, { op: "status" });
  } catch (error) {
    if (error instanceof Fault && error.code === "not-running") return undefined;
    throw error;
  }
}
