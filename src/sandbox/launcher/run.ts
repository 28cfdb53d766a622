/**
 * The launcher process: driver, self-test, sockets. The only one that keeps root. Its end ends no sandbox; the next
 * one adopts them. Must never hold a token, speak to Redis, or read what guests or chats send.
 */
import { closeSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import type { Layer, Limits } from "../driver.ts";
import type { HostDriver } from "../host/driver.ts";
import { makeDirectory, tryLock } from "../host/files.ts";
import type { DriverOptions } from "../host/options.ts";
import type { LauncherRole } from "./protocol.ts";
import { LauncherServer } from "./server.ts";

/** What the supervisor tells the launcher. */
export interface LauncherOptions extends Omit<DriverOptions, "node" | "runtime" | "guest" | "owners"> {
  paths: Paths;
  logger: Logger;
  /** How sandboxes are made. Default `process`. */
  driver?: "process" | "docker";
  /** User of each role's process; all ours when we aren't root. */
  roles: Record<LauncherRole, number>;
  /** What one sandbox may be given at most. */
  ceiling: Limits;
  project: {
    /** Directory of the Node package (`bin/node`). */
    node: string;
    /** Directory of the blueprint's runtime (`node_modules/openclaw`). */
    runtime: string;
    /** Directory of the guest (`init.pl`). */
    guest: string;
  };
}

/** Each is loaded only where it is used: the process driver needs none of Docker's libraries. */
const OPENERS = {
  process: async () => (await import("../process/index.ts")).openProcessDriver,
  docker: async () => (await import("../docker/index.ts")).openDockerDriver,
};

/** A launcher that serves. */
export interface RunningLauncher {
  /** What the self-test saw; whether that is enough is the caller's to judge (`judgeLayers`). */
  layers: Layer[];
  /** Counts from now on, for sandboxes that are made or changed. */
  setCeiling(ceiling: Limits): void;
  close(): Promise<void>;
}

/** Adopts, tests itself, listens. Throws a Fault that names what this host lacks. */
export async function runLauncher(options: LauncherOptions): Promise<RunningLauncher> {
  const { paths, logger, project, roles, ceiling: first, ...rest } = options;
  let ceiling = first;
  const dir = dirname(paths.launcher.workerSocket);
  makeDirectory(dir, process.getuid?.() === 0 ? 0o711 : 0o700);
  const lock = tryLock(join(dir, "lock"));
  if (lock === undefined) {
    throw new Fault({ code: "launcher-running", message: `another launcher serves ${paths.home}` });
  }
  const open = await OPENERS[options.driver ?? "process"]();
  const driver = await open({ paths, logger, owners: roles, ...project, ...rest });
  const tested = await driver.selfTest().catch((error: unknown) => {
    driver.close();
    closeSync(lock);
    throw error;
  });
  const layers = () => [...tested, parking(driver)];
  const server = new LauncherServer({ paths, logger, driver, layers, roles, ceiling: () => ceiling });
  await server.listen();
  return {
    layers: layers(),
    setCeiling(next) {
      ceiling = next;
    },
    async close() {
      server.close();
      driver.close();
      closeSync(lock);
    },
  };
}

/** Parking as a layer that nobody requires, so that `status` and `doctor` can say why not. */
function parking(driver: HostDriver): Layer {
  const support = driver.parkSupport();
  return support.ok
    ? { name: "parking", active: true, detail: `${support.how}, ${support.detail}`, required: false }
    : {
        name: "parking",
        active: false,
        detail: support.why,
        required: false,
        fix: "zram or encrypted swap, as root",
      };
}
