/**
 * `npm test [-- AREA…]`: sets up what is missing, then runs `test/run.ts`. As root in a mount namespace of its own, so
 * that a failing sandbox test can't change the machine that tests it.
 */
import { join } from "node:path";
import { ensurePrograms, RUN_PROGRAMS, TEST_PROGRAMS } from "./lib/debian.mjs";
import { ensureNpm } from "./lib/npm.mjs";
import { checkPlatform } from "./lib/platform.mjs";
import { ROOT, requireNode } from "./lib/project.mjs";
import { reachably, UNSHARE } from "./lib/reach.mjs";
import { become } from "./lib/run.mjs";
import { die } from "./lib/say.mjs";

/** Holds the mount point of the code where the clone can't be reached by the services' users. */
const HOME = "/run/nemoclaw-test";

const asksHelp = process.argv.some((arg) => arg === "--help" || arg === "-h");

try {
  if (!asksHelp) {
    checkPlatform({ driver: "process" });
    await ensurePrograms({ ...RUN_PROGRAMS, ...TEST_PROGRAMS }, { yes: process.argv.includes("--yes") });
  }
  await ensureNpm({ dev: true });
  process.chdir(ROOT);
  const areas = process.argv.slice(2).filter((arg) => arg !== "--yes");
  const { program, args } = reachably(HOME, requireNode(), [join(ROOT, "test", "run.ts"), ...areas]);
  const apart = process.getuid?.() === 0 && program !== UNSHARE;
  if (apart) await become(UNSHARE, ["-m", "--propagation", "private", program, ...args]);
  else await become(program, args);
} catch (error) {
  die(error);
}
