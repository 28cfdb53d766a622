/** The launcher as a process: the only one that keeps root. */
import { dirname, join } from "node:path";
import type { Config } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import { pathsOf } from "../../lib/paths.ts";
import { judgeLayers, runLauncher } from "../../sandbox/index.ts";
import { WorkerConfig } from "../../worker/index.ts";
import type { StartService } from "./service.ts";

/** Folder of the guest's program, the same in `src` and `dist`. */
const GUEST = join(import.meta.dirname, "..", "..", "sandbox", "guest");

/** The worker asks for what the same file tells it; read here once more, since the worker is not to be believed. */
const ceilingOf = ({ worker }: Config) => WorkerConfig.parse(worker).profile.limits;

/** See the module's header. */
export const startLauncher: StartService = async (settings, logger) => {
  const { config, users, runtime } = settings;
  const launcher = await runLauncher({
    paths: pathsOf(settings.home),
    logger,
    roles: { worker: users.worker.uid, gateway: users.gateway.uid, operator: users.launcher.uid },
    project: { node: dirname(dirname(runtime.node)), runtime: runtime.dir, guest: GUEST },
    bestEffort: config.sandbox.protections === "best_effort",
    driver: config.sandbox.driver,
    docker: config.sandbox.docker,
    cgroup: config.sandbox.cgroup,
    plainSwap: config.sandbox.plainSwap,
    most: config.sandbox.most,
    ceiling: ceilingOf(config),
  });
  if (settings.alone) {
    const { serve, problems } = judgeLayers(launcher.layers, config.sandbox.protections, false);
    for (const problem of problems) logger.warn({ problem }, "protection is missing");
    if (!serve) {
      await launcher.close();
      throw new Fault({
        code: "layers-missing",
        message: `this host can't give every required protection: ${problems.join("; ")}`,
        hint: "mend it, or accept weaker cages with sandbox.protections: best_effort in config.yaml",
      });
    }
  }
  return {
    facts: { driver: config.sandbox.driver },
    drain: () => launcher.close(),
    reconfigure: (changed) => launcher.setCeiling(ceilingOf(changed)),
  };
};
