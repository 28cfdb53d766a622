/**
 * `npm test [-- AREA…]`: sets up what is missing, then runs `test/run.ts`. As root in a mount namespace of its own, so
 * that a failing sandbox test can't change the machine that tests it.
 */
import { ensurePrograms, RUN_PROGRAMS, TEST_PROGRAMS } from "./lib/debian.mjs";
import { ensureNpm } from "./lib/npm.mjs";
import { checkPlatform } from "./lib/platform.mjs";
import { ROOT, requireNode } from "./lib/project.mjs";
import { become } from "./lib/run.mjs";
import { die } from "./lib/say.mjs";

try {
  checkPlatform({ driver: "process" });
  await ensurePrograms({ ...RUN_PROGRAMS, ...TEST_PROGRAMS }, { yes: process.argv.includes("--yes") });
  await ensureNpm({ dev: true });
  process.chdir(ROOT);
  const areas = process.argv.slice(2).filter((arg) => arg !== "--yes");
  const command = [requireNode(), "test/run.ts", ...areas];
  const apart = process.getuid?.() === 0 ? ["/usr/bin/unshare", "-m", "--propagation", "private"] : [];
  const [program = "", ...args] = [...apart, ...command];
  await become(program, args);
} catch (error) {
  die(error);
}
