/** `nemoclaw service`: the processes one by one, for compose and systemd (docs/deployment.md). */
import { Command } from "commander";
import { homeFrom } from "../../lib/paths.ts";
import { say } from "../io.ts";

interface ServiceOptions {
  home?: string;
  dir?: string;
  usersDir?: string;
}

/** The command. */
export function serviceCommand(): Command {
  const command = new Command("service").description(
    "run the processes one by one: compose, systemd (docs/deployment.md)",
  );
  const home = "home of the installation";
  command
    .command("prepare")
    .description(
      "make home, logins, the agent's runtime and the settings file; as root, before the processes",
    )
    .option("--home <dir>", home)
    .action(async (options: ServiceOptions) => {
      const { prepareHome } = await import("../start/alone.ts");
      await prepareHome(options.home ?? homeFrom(process.env), say);
    });
  command
    .command("store")
    .description("make Redis ready: durability, schema, profiles; after Redis, before the other processes")
    .option("--home <dir>", home)
    .action(async (options: ServiceOptions) => {
      const { prepareStore } = await import("../start/alone.ts");
      await prepareStore(options.home ?? homeFrom(process.env), say);
    });
  command
    .command("install")
    .description("write systemd units, one per process, hardened; agents outlive a restart of any of them")
    .option("--home <dir>", home)
    .option("--dir <dir>", "where the units go", "/etc/systemd/system")
    .option("--users-dir <dir>", "where their users are named, for systemd-sysusers", "/etc/sysusers.d")
    .action(async (options: ServiceOptions) => {
      const { installUnits } = await import("../service/install.ts");
      const { dir: units = "/etc/systemd/system", usersDir: users = "/etc/sysusers.d" } = options;
      installUnits(options.home ?? homeFrom(process.env), { units, users }, say);
    });
  return command;
}
