/** `openshell sandbox upload|download`: the same work as `nemoclaw NAME upload|download`. */
import { Command } from "commander";
import type { HomeOption } from "../../policy/target.ts";
import { downloadFrom, uploadTo } from "../sandbox/files.ts";

const home = ["--home <dir>", "home of the installation"] as const;

/** `upload`. */
export function uploadCommand(): Command {
  return new Command("upload")
    .description("copy a file or directory into the sandbox")
    .argument("<sandbox>")
    .argument("<local>", "file or directory of this machine")
    .argument("[destination]", "in the sandbox's home (default: under its own name)")
    .option(...home)
    .action((name: string, local: string, destination: string | undefined, options: HomeOption) =>
      uploadTo(name, local, destination, options),
    );
}

/** `download`. */
export function downloadCommand(): Command {
  return new Command("download")
    .description("copy a file or directory out of the sandbox")
    .argument("<sandbox>")
    .argument("<path>", "in the sandbox's home")
    .argument("[destination]", "on this machine (default: here, under its own name)")
    .option(...home)
    .action((name: string, path: string, destination: string | undefined, options: HomeOption) =>
      downloadFrom(name, path, destination, options),
    );
}
