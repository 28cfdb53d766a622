/** `nemoclaw NAME upload` and `download`. */
import { basename, join, posix, resolve } from "node:path";
import { Command } from "commander";
import { printable } from "../../approvals/lines.ts";
import { say } from "../../io.ts";
import type { HomeOption } from "../../policy/target.ts";
import { reach } from "../../sandbox/reach.ts";
import { remotePath, uploadTarget } from "../../sandbox/remote-path.ts";
import type { Moved } from "../../sandbox/transfer.ts";

const home = ["--home <dir>", "home of the installation"] as const;

/** `upload`. */
export function uploadCommand(name: string): Command {
  return new Command("upload")
    .description("copy a file or directory into the sandbox")
    .argument("<local>", "file or directory of this machine")
    .argument("[destination]", "in the sandbox's home (default: under its own name)")
    .option(...home)
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw ${name} upload report.csv
  nemoclaw ${name} upload src workspace/
  nemoclaw ${name} upload notes.txt workspace/today.txt`,
    )
    .action((local: string, destination: string | undefined, options: HomeOption) =>
      uploadTo(name, local, destination, options),
    );
}

/** Copies into a sandbox and says what came of it. */
export async function uploadTo(
  name: string,
  local: string,
  destination: string | undefined,
  options: HomeOption,
): Promise<void> {
  const sandbox = reach(name, options);
  const { isRemoteDirectory, upload } = await import("../../sandbox/transfer.ts");
  const named = destination === undefined ? undefined : remotePath(destination);
  const directory = named !== undefined && (await isRemoteDirectory(sandbox, named));
  const target = uploadTarget(destination, basename(resolve(local)), directory);
  report(await upload(sandbox, local, target), `~/${target}`);
}

/** `download`. */
export function downloadCommand(name: string): Command {
  return new Command("download")
    .description("copy a file or directory out of the sandbox")
    .argument("<path>", "in the sandbox's home")
    .argument("[destination]", "on this machine (default: here, under its own name)")
    .option(...home)
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw ${name} download workspace/report.pdf
  nemoclaw ${name} download workspace ./backup`,
    )
    .action((path: string, destination: string | undefined, options: HomeOption) =>
      downloadFrom(name, path, destination, options),
    );
}

/** Copies out of a sandbox and says what came of it. */
export async function downloadFrom(
  name: string,
  path: string,
  destination: string | undefined,
  options: HomeOption,
): Promise<void> {
  const sandbox = reach(name, options);
  const { download } = await import("../../sandbox/transfer.ts");
  const { statSync } = await import("node:fs");
  const remote = remotePath(path);
  const own = remote === "" ? sandbox.name : posix.basename(remote);
  const at = resolve(destination ?? ".");
  const into = statSync(at, { throwIfNoEntry: false })?.isDirectory() || destination?.endsWith("/");
  const local = into ? join(at, own) : at;
  report(await download(sandbox, remote, local), local);
}

function report({ files, bytes, left }: Moved, where: string): void {
  for (const path of left) say(`  left out (no file, or a link): ${printable(path, 200)}`);
  console.log(`  ✓ ${files} ${files === 1 ? "file" : "files"}, ${size(bytes)} → ${where}`);
}

function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`;
  return bytes < 10_000_000 ? `${Math.round(bytes / 1_000)} KB` : `${Math.round(bytes / 1_000_000)} MB`;
}
