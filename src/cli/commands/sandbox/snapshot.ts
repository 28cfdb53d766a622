/** `nemoclaw NAME snapshot create|list|restore`: the home of one sandbox as it was. */
import { Command, InvalidArgumentError } from "commander";
import { confirm } from "../../confirm.ts";
import { say } from "../../io.ts";
import type { HomeOption } from "../../policy/target.ts";
import { reach } from "../../sandbox/reach.ts";

const home = ["--home <dir>", "home of the installation"] as const;

/** The group. */
export function snapshotCommand(name: string): Command {
  const group = new Command("snapshot")
    .description("keep the sandbox's files as they are now, and bring them back")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw ${name} snapshot create --name before-upgrade
  nemoclaw ${name} snapshot list
  nemoclaw ${name} snapshot restore v1
The sandbox is stopped meanwhile: running turns fail. Snapshots lie in the home of the installation and are no backup.`,
    );
  for (const command of [createCommand(name), listCommand(name), restoreCommand(name)])
    group.addCommand(command.exitOverride());
  return group;
}

function createCommand(name: string): Command {
  return new Command("create")
    .description("make one")
    .option("--name <name>", "a name to find it by", label, "")
    .option(...home)
    .action(async (options: HomeOption & { name: string }) => {
      const sandbox = reach(name, options);
      const [{ atRest }, { createSnapshot }] = await Promise.all([
        import("../../sandbox/rest.ts"),
        import("../../sandbox/snapshots.ts"),
      ]);
      say(`  Stopping sandbox '${sandbox.name}'...`);
      const made = await atRest(sandbox, (homes) => createSnapshot(sandbox, homes, options.name));
      console.log(`  ✓ Snapshot v${made.version} of '${sandbox.name}' created (${size(made.bytes)})`);
    });
}

function listCommand(name: string): Command {
  return new Command("list")
    .description("show those there are")
    .option("--json", "as one JSON array")
    .option(...home)
    .action(async (options: HomeOption & { json?: boolean }) => {
      const sandbox = reach(name, options);
      const { listSnapshots } = await import("../../sandbox/snapshots.ts");
      const all = listSnapshots(sandbox);
      if (options.json) return console.log(JSON.stringify(all));
      if (all.length === 0) return console.log(`  No snapshots of '${sandbox.name}'.`);
      for (const { version, at, bytes, name: label } of all)
        console.log(
          `  v${version}  ${at.slice(0, 19).replace("T", " ")}  ${size(bytes)}${label ? `  ${label}` : ""}`,
        );
    });
}

function restoreCommand(name: string): Command {
  return new Command("restore")
    .description("make the sandbox's files what they were; those of now are kept as a snapshot first")
    .argument("<snapshot>", "v1, v2 … or its name")
    .option("-y, --yes", "without asking")
    .option(...home)
    .action(async (wanted: string, options: HomeOption & { yes?: boolean }) => {
      const sandbox = reach(name, options);
      const { createSnapshot, findSnapshot, restoreSnapshot, verifySnapshot } = await import(
        "../../sandbox/snapshots.ts"
      );
      const { atRest } = await import("../../sandbox/rest.ts");
      const snapshot = findSnapshot(sandbox, wanted);
      await verifySnapshot(sandbox, snapshot);
      if (!options.yes)
        await confirm(`  Replace all files of '${sandbox.name}' by those of v${snapshot.version}?`);
      say(`  Stopping sandbox '${sandbox.name}'...`);
      const kept = await atRest(sandbox, async (homes) => {
        const before = await createSnapshot(sandbox, homes, `before-v${snapshot.version}`);
        await restoreSnapshot(sandbox, homes, snapshot);
        return before;
      });
      console.log(
        `  ✓ '${sandbox.name}' is as in v${snapshot.version}; what it was before is v${kept.version}`,
      );
    });
}

function label(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text) || /^v?\d+$/.test(text))
    throw new InvalidArgumentError("expected letters, digits, dots and dashes; not a version");
  return text;
}

function size(bytes: number): string {
  const mb = bytes / 1024 / 1024;
  return mb < 1 ? `${Math.ceil(bytes / 1024)} KB` : `${mb.toFixed(mb < 10 ? 1 : 0)} MB`;
}
