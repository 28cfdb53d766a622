/** What a driver is opened with, the same for all; each ignores what isn't its own. */
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";

/** See the file's header. */
export interface DriverOptions {
  paths: Paths;
  logger: Logger;
  /** Host directory with `bin/node`. */
  node: string;
  /** Host directory of the blueprint's runtime (`node_modules/openclaw`). */
  runtime: string;
  /** Host directory of the guest program (`init.pl`). */
  guest: string;
  /** Start sandboxes although a layer is missing (operator's choice). */
  bestEffort: boolean;
  /** As root: owners of the socket directories. Default: this process. */
  owners?: { gateway: number; worker: number };
  /** process: control group that was delegated to this user, relative to the hierarchies' roots. */
  cgroup?: string | undefined;
  /** docker: the daemon's socket (a path, or a URL as in DOCKER_HOST), the image of sandboxes, and which engine it is. */
  docker?: {
    socket?: string | undefined;
    image?: string | undefined;
    engine?: "docker" | "podman" | undefined;
  };
  /** Park into swap that is neither zram nor encrypted. */
  plainSwap?: boolean;
  /** How many sandboxes there may be. Default: any number. */
  most?: number;
  uidBase?: number;
  /** How often processes are looked at, and homes measured. Milliseconds. */
  watchMs?: number;
  diskMs?: number;
}
