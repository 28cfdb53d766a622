/** The worker as a process: turns and the control connections; no token, no key, no root. */
import { InferenceConfig, providerOf } from "../../gateway/index.ts";
import { pathsOf } from "../../lib/paths.ts";
import { LauncherClient } from "../../sandbox/index.ts";
import { runWorker, WorkerConfig } from "../../worker/index.ts";
import type { StartService } from "./service.ts";
import { openServiceStore } from "./store.ts";

/** See the module's header. */
export const startWorker: StartService = async (settings, logger) => {
  const paths = pathsOf(settings.home);
  const config = WorkerConfig.parse(settings.config.worker);
  config.runningTurns = settings.config.limits.runningTurns;
  // What the agent is told of its model; which one is really called is the router's business.
  const takeModel = (inference: unknown) => {
    const { provider, model } = InferenceConfig.parse(inference).default;
    config.profile.provider = provider;
    config.profile.model = model ?? (providerOf(provider)?.defaultModel || "default");
  };
  takeModel(settings.config.inference);
  const store = await openServiceStore(settings, "worker", logger);
  const launcher = new LauncherClient({ socket: paths.launcher.workerSocket });
  const worker = await runWorker({
    paths,
    config,
    store,
    launcher,
    hostId: settings.hostId,
    files: settings.config.files,
    log: logger,
    onFatal: (error) => {
      throw error;
    },
  });
  const finish = async (work: Promise<void>) => {
    await work;
    launcher.close();
    await store.close();
  };
  await worker.ready;
  return {
    facts: {},
    reconfigure: ({ inference }) => takeModel(inference),
    drain: () => finish(worker.drain()),
    leave: () => finish(worker.close()),
  };
};
