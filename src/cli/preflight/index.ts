/** All checks that must pass before anything is set up. `nemoclaw doctor` runs them too and adds its own. */
import type { Finding } from "./finding.ts";
import type { Host } from "./host.ts";
import {
  checkContainers,
  checkLandlock,
  checkPrograms,
  checkRedis,
  checkSeccomp,
  checkUserNamespaces,
} from "./isolation.ts";
import { checkDisk, checkMemory, checkNode, checkSystem } from "./machine.ts";

/** What is going to be set up. */
export interface PreflightPlan {
  home: string;
  driver: "process" | "docker";
  redisUrl: string | undefined;
}

/** Runs every check, at once; in the order in which people read them. Changes nothing. */
export function preflight(host: Host, { home, driver, redisUrl }: PreflightPlan): Promise<Finding[]> {
  return Promise.all([
    checkSystem(host),
    checkMemory(host),
    checkDisk(host, home),
    checkNode(host),
    checkContainers(host, driver),
    ...(driver === "process"
      ? [checkUserNamespaces(host), checkLandlock(host), checkSeccomp(host), checkPrograms(host)]
      : []),
    checkRedis(host, redisUrl),
  ]);
}
