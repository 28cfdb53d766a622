/**
 * The image that sandboxes are made of: programs, certificates and Node, nothing of ours and nothing secret. Built from
 * `docker/agent.Dockerfile` where images can be pulled; else assembled here from the machine's own Debian packages.
 * Never pulled by itself. The agent's runtime, the guest and everything else is mounted.
 */
import type { Readable } from "node:stream";
import type { Logger } from "../../lib/logging.ts";
import type { Daemon } from "./daemon.ts";
import { noImage } from "./faults.ts";
import { RECIPE } from "./image-name.ts";
import { podmanTarget } from "./podman.ts";
import { hostRootFs } from "./root-fs.ts";

/** An image, as Docker knows it. */
export interface ImageInfo {
  name: string;
  bytes: number;
}

/** The image if it is there. */
export async function findImage(daemon: Daemon, name: string): Promise<ImageInfo | undefined> {
  const found = await daemon.find("look at an image", (docker) => docker.getImage(name).inspect());
  return found && { name, bytes: found.Size };
}

/** The image; assembled from this machine when it isn't there. `node`: the program to put in. */
export async function ensureImage(
  daemon: Daemon,
  name: string,
  node: string,
  logger: Logger,
): Promise<ImageInfo> {
  const found = await findImage(daemon, name);
  if (found) return found;
  logger.info({ image: name }, "assembling the image from this machine");
  const began = performance.now();
  const made = await buildFromHost(daemon, name, node);
  logger.info(
    { image: name, bytes: made.bytes, ms: Math.round(performance.now() - began) },
    "image is ready",
  );
  return made;
}

/** Assembles the image, replacing one of that name; `more`: Debian packages besides. @throws Fault `docker-no-image` where this machine can't. */
export async function buildFromHost(
  daemon: Daemon,
  name: string,
  node: string,
  more: readonly string[] = [],
): Promise<ImageInfo> {
  let rootFs: Awaited<ReturnType<typeof hostRootFs>>;
  try {
    rootFs = await hostRootFs(node, more);
  } catch (error) {
    throw noImage(name, (error as Error).message);
  }
  const [repo = "", tag = "latest"] = name.split(":");
  const target = daemon.kind === "podman" ? podmanTarget(name) : { repo, tag };
  try {
    await daemon.do("import an image", async (docker) => {
      const labels = `LABEL ai.nemoclaw.image=${RECIPE}`;
      const progress = (await docker.importImage(rootFs.tar, { ...target, changes: labels })) as Readable;
      await settled(progress);
    });
    await rootFs.done;
  } finally {
    rootFs.close();
  }
  const made = await findImage(daemon, name);
  if (!made) throw noImage(name, "Docker took it and doesn't know it");
  return made;
}

/** Reads the daemon's progress to its end; an error in it is one. */
async function settled(progress: Readable): Promise<void> {
  let text = "";
  for await (const chunk of progress.setEncoding("utf8")) text += chunk;
  const failed = /"error":"([^"]*)"/.exec(text)?.[1];
  if (failed) throw new Error(failed);
}
