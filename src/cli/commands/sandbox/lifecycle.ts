/** `nemoclaw NAME start`, `stop`, `restart`, `destroy` (also `delete`). */
import { Command } from "commander";
import { Fault } from "../../../lib/errors.ts";
import { confirm } from "../../confirm.ts";
import { say } from "../../io.ts";
import type { HomeOption } from "../../policy/target.ts";
import { askLauncher, askWorker, notRunning, type Reached, reach } from "../../sandbox/reach.ts";

const home = ["--home <dir>", "home of the installation"] as const;

/** `start`. */
export function sandboxStartCommand(name: string): Command {
  return new Command("start")
    .description("start the sandbox and wait until its agent is warm")
    .option(...home)
    .action(async (options: HomeOption) => {
      const sandbox = reach(name, options);
      say(`  Starting sandbox '${sandbox.name}'...`);
      await askWorker(sandbox, "sandbox.start");
      console.log(`  ✓ Sandbox '${sandbox.name}' started`);
    });
}

/** `stop`. */
export function sandboxStopCommand(name: string): Command {
  return new Command("stop")
    .description("end everything in the sandbox and keep it so until it is started; its files stay")
    .option(...home)
    .action(async (options: HomeOption) => {
      const sandbox = reach(name, options);
      await askWorker(sandbox, "sandbox.stop");
      console.log(`  ✓ Sandbox '${sandbox.name}' stopped`);
    });
}

/** `restart`. */
export function sandboxRestartCommand(name: string): Command {
  return new Command("restart")
    .description("stop and start the sandbox; running turns fail, its files stay")
    .option(...home)
    .action(async (options: HomeOption) => {
      const sandbox = reach(name, options);
      say(`  Restarting sandbox '${sandbox.name}'...`);
      await askWorker(sandbox, "sandbox.restart");
      console.log(`  ✓ Sandbox '${sandbox.name}' restarted`);
    });
}

/** `destroy`, and the name that the deployment guide has for it. */
export function destroyCommand(name: string): Command {
  return new Command("destroy")
    .alias("delete")
    .description("remove the sandbox with all its files, snapshots and permissions")
    .option("-y, --yes", "without asking")
    .option("--force", "the same")
    .option(...home)
    .addHelpText("after", `\nExamples:\n  nemoclaw ${name} destroy\n  nemoclaw ${name} delete --yes`)
    .action(async (options: HomeOption & { yes?: boolean; force?: boolean }) => {
      const sandbox = reach(name, options);
      if (!options.yes && !options.force && !(await confirmed(sandbox))) return console.log("  Cancelled.");
      await destroy(sandbox);
      console.log(`  ✓ Sandbox '${sandbox.name}' destroyed`);
    });
}

/** @throws Fault `usage` where nobody is there to ask */
async function confirmed({ name }: Reached): Promise<boolean> {
  try {
    await confirm(`  Destroy sandbox '${name}' with all its files?`);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === "cancelled") return false;
    throw error;
  }
}

/** Ends it by the worker, who would start it again for the next message, then has the launcher remove it. */
export async function destroy(sandbox: Reached): Promise<void> {
  const { id, name, paths } = sandbox;
  say(`  Stopping sandbox '${name}'...`);
  const stopped = await askWorker(sandbox, "sandbox.stop").then(
    () => true,
    (error: unknown) => {
      if (notRunning(error)) return false; // the launcher ends it just as well
      throw error;
    },
  );
  const { removePermissions } = await import("../../sandbox/permissions.ts");
  if (!(await removePermissions(sandbox)))
    say(
      "  ! The gateway doesn't run: standing rules and policy of this sandbox stay for its owner's next one",
    );
  say(`  Deleting sandbox '${name}'...`);
  await askLauncher(sandbox, (launcher) => launcher.destroy(id));
  if (stopped) await askWorker(sandbox, "sandbox.forget");
  const { removeSnapshots } = await import("../../sandbox/snapshots.ts");
  removeSnapshots(sandbox);
  const { configText, editConfig } = await import("../../settings/edit.ts");
  if (configText(paths).includes(name)) editConfig(paths, [[["sandboxes", name], undefined]]);
}
