/** `nemoclaw debug`: one archive for whoever helps, without any secret. */
import { Command } from "commander";
import { Fault } from "../../lib/errors.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { say } from "../io.ts";
import { PROJECT_ROOT } from "../project.ts";

interface DebugOptions {
  quick?: boolean;
  output?: string;
  home?: string;
}

/** The subcommand. */
export function debugCommand(): Command {
  return new Command("debug")
    .description("collect facts, settings, status and logs into one archive; secrets are taken out")
    .option("-q, --quick", "less of the log, and without the doctor's questions to provider and platforms")
    .option("-o, --output <file>", "where to (default: nemoclaw-debug.tar.gz, here)")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
Works with the service running and without. Every secret of this home is looked for by its value, and whatever looks like
one besides. Conversations are not in it; names of sandboxes, hosts and paths are. Look through it before you send it.

Examples:
  nemoclaw debug
  nemoclaw debug --quick --output /tmp/debug.tar.gz`,
    )
    .action(writeDebug);
}

async function writeDebug(options: DebugOptions): Promise<void> {
  const [
    { collect },
    { scrubberFor },
    { pack },
    { createGzip },
    { openSync, createWriteStream },
    { pipeline },
  ] = await Promise.all([
    import("../debug/collect.ts"),
    import("../debug/scrub.ts"),
    import("tar-stream"),
    import("node:zlib"),
    import("node:fs"),
    import("node:stream/promises"),
  ]);
  const paths = pathsOf(options.home ?? homeFrom(process.env));
  const file = options.output ?? "nemoclaw-debug.tar.gz";
  const scrub = scrubberFor(paths, process.env);
  const pieces = await collect(paths, PROJECT_ROOT, process.env, options.quick === true);
  let fd: number;
  try {
    fd = openSync(file, "wx", 0o600);
  } catch (error) {
    throw new Fault({
      code: "debug-file",
      message: `${file} can't be written: ${(error as NodeJS.ErrnoException).code}`,
      hint: "choose another --output, or remove the old one",
      cause: error,
    });
  }
  const archive = pack();
  for (const { name, text } of pieces)
    archive.entry({ name: `nemoclaw-debug/${name}`, mode: 0o600 }, scrub(text));
  archive.finalize();
  await pipeline(archive as unknown as NodeJS.ReadableStream, createGzip(), createWriteStream("", { fd }));
  console.log(file);
  say(`${pieces.length} files; secrets were taken out. Look through it before you send it: tar xzf ${file}`);
}
