/** Opens the process driver: checks what this host offers. Faults name what is missing. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readableBySandboxes } from "../host/config.ts";
import { HostDriver } from "../host/driver.ts";
import { incomplete, unreachable } from "../host/faults.ts";
import { blockedAt, isRoot } from "../host/files.ts";
import { Homes } from "../host/homes.ts";
import type { DriverOptions } from "../host/options.ts";
import { findBwrap } from "./bwrap.ts";
import { ProcessCage } from "./cage.ts";
import { findCgroups } from "./cgroup.ts";
import { confinedWork } from "./confined.ts";
import { unsupportedPlatform } from "./faults.ts";
import type { StartContext } from "./start.ts";

/** Adopts what runs and starts watching. */
export async function openProcessDriver(options: DriverOptions): Promise<HostDriver> {
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
    throw unsupportedPlatform(process.platform, process.arch);
  }
  for (const path of [join(options.node, "bin/node"), join(options.guest, "init.pl"), options.runtime]) {
    if (!existsSync(path)) throw incomplete(path);
  }
  const bwrap = findBwrap();
  const { paths, owners, uidBase, logger } = options;
  const homes = new Homes({ paths, logger, work: confinedWork(bwrap), owners, uidBase });
  for (const path of isRoot ? [paths.home, options.runtime] : []) {
    const blocked = blockedAt(path);
    if (blocked) throw unreachable(path, blocked);
  }
  const copies = join(paths.home, "lib");
  const found = findCgroups({ home: paths.home, delegated: options.cgroup });
  const context: StartContext = {
    paths,
    bwrap,
    node: readableBySandboxes(options.node, copies, ["bin/node"]),
    guest: readableBySandboxes(options.guest, copies, ["."]),
    runtime: options.runtime,
    bestEffort: options.bestEffort,
    cgroups: "missing" in found ? undefined : found,
  };
  return HostDriver.open({
    ...{ paths, logger, homes, plainSwap: options.plainSwap ?? false },
    most: options.most ?? Number.POSITIVE_INFINITY,
    cage: new ProcessCage(context, "missing" in found ? found.missing : ""),
    watchMs: options.watchMs ?? 500,
    diskMs: options.diskMs ?? 10_000,
  });
}
