/** Opens the Docker driver: finds the daemon, checks it, sees to the image. Faults name what is missing. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readableBySandboxes } from "../host/config.ts";
import { HostDriver } from "../host/driver.ts";
import { incomplete } from "../host/faults.ts";
import { Homes } from "../host/homes.ts";
import type { DriverOptions } from "../host/options.ts";
import { type Arch, dockerProfile, SANDBOX_RULES } from "../seccomp/index.ts";
import { DockerCage, tagOf } from "./cage.ts";
import { Daemon, socketPath } from "./daemon.ts";
import { dockerWork } from "./home-work.ts";
import { buildFromHost, ensureImage, type ImageInfo } from "./image.ts";
import { agentImage } from "./image-name.ts";
import { podmanProfile } from "./podman.ts";

/** Measuring a home takes a container where we aren't root: less often. */
const DISK_MS = 10_000;

/** Adopts what runs and starts watching. */
export async function openDockerDriver(options: DriverOptions): Promise<HostDriver> {
  const node = join(options.node, "bin/node");
  for (const path of [node, join(options.guest, "init.pl"), options.runtime]) {
    if (!existsSync(path)) throw incomplete(path);
  }
  const { paths, owners, uidBase, logger } = options;
  const daemon = new Daemon(socketPath(options.docker?.socket), options.docker?.engine);
  const engine = await daemon.inspect();
  const image = options.docker?.image ?? agentImage();
  await ensureImage(daemon, image, node, logger);
  const profile = JSON.stringify(dockerProfile(SANDBOX_RULES, process.arch as Arch));
  const seccomp = daemon.kind === "podman" ? podmanProfile(paths.launcher.records, profile) : profile;
  const work = dockerWork({ daemon, image, tag: tagOf(paths), seccomp });
  const homes = new Homes({ paths, logger, work, owners, uidBase });
  const guest = readableBySandboxes(options.guest, join(paths.home, "lib"), ["."], true);
  const { runtime, bestEffort } = options;
  return HostDriver.open({
    ...{ paths, logger, homes, plainSwap: options.plainSwap ?? false },
    most: options.most ?? Number.POSITIVE_INFINITY,
    cage: new DockerCage({ paths, logger, daemon, engine, image, runtime, guest, bestEffort, seccomp }),
    watchMs: options.watchMs ?? 500,
    diskMs: options.diskMs ?? DISK_MS,
  });
}

/** Assembles the image from this machine, for an operator who asks for it. @throws Fault `docker-…` */
export async function buildImage(
  { socket, engine }: NonNullable<DriverOptions["docker"]>,
  name: string,
  node: string,
): Promise<ImageInfo> {
  const daemon = new Daemon(socketPath(socket), engine);
  await daemon.inspect();
  return buildFromHost(daemon, name, node);
}
