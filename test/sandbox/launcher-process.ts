/** A launcher as its own process, for tests: options as JSON in argv, prints its layers when ready. */
import { createLogger } from "../../src/lib/logging.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { runLauncher } from "../../src/sandbox/launcher/index.ts";

const { home, ...rest } = JSON.parse(process.argv[2] ?? "{}");
const logger = createLogger({ process: "launcher", level: "info" });
try {
  const launcher = await runLauncher({ paths: pathsOf(home), logger, ...rest });
  console.log(`ready ${JSON.stringify(launcher.layers)}`);
} catch (error) {
  console.log(
    `failed ${JSON.stringify({ code: (error as { code?: string }).code, message: String(error) })}`,
  );
  process.exitCode = 1;
}
