/**
 * What every sandbox driver must do, over every driver: isolation, limits, life, and the cases that NVIDIA publishes.
 * `npm run test:driver -- process docker` plays it all; `npm test` too. `-- podman` as well, where it is installed.
 */
import { guestSuite } from "./driver/guest.ts";
import { isolationSuite } from "./driver/isolation.ts";
import { lifeSuite } from "./driver/life.ts";
import { limitsSuite } from "./driver/limits.ts";
import { programsSuite } from "./driver/programs.ts";
import { publishedSuite } from "./driver/published.ts";
import type { Stage } from "./driver/stages.ts";

/** Everything over one stage. What a container sees doesn't depend on who asked for it: as an ordinary user less. */
export function driverConformance(stage: Stage): void {
  publishedSuite(stage);
  limitsSuite(stage);
  programsSuite(stage);
  if (stage.driver !== "process" && stage.as === "user") return;
  lifeSuite(stage);
  isolationSuite(stage);
  if (stage.as === "root") guestSuite(stage); // its worker runs as root; as a user: test/sandbox/guest
}
