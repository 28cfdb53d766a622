/** The gateway as a process: the only one that reads vendors' keys. */
import { EgressConfig, InferenceConfig, runGateway } from "../../gateway/index.ts";
import { pathsOf } from "../../lib/paths.ts";
import { LauncherClient, resolveBlueprint } from "../../sandbox/index.ts";
import { PROJECT_ROOT } from "../project.ts";
import type { StartService } from "./service.ts";
import { openServiceStore } from "./store.ts";

/** See the module's header. */
export const startGateway: StartService = async (settings, logger) => {
  const paths = pathsOf(settings.home);
  const config = InferenceConfig.parse(settings.config.inference);
  const blueprint = await resolveBlueprint(PROJECT_ROOT);
  const store = await openServiceStore(settings, "gateway", logger);
  const client = new LauncherClient({ socket: paths.launcher.gatewaySocket });
  const gateway = await runGateway({
    paths,
    config,
    logger,
    usage: store.usage,
    turns: store.contexts,
    profiles: store.profiles,
    launcher: {
      watch: async (listener) => void (await client.watch((id, info) => listener(id, info ?? null))),
      handOver: (sandboxId) => client.handOver(sandboxId),
      close: () => client.close(),
    },
    egress: {
      policies: {
        store: store.policies,
        hostId: settings.hostId,
        config: EgressConfig.parse(settings.config.egress),
        base: blueprint.policy.default,
        protections: settings.config.sandbox.protections,
      },
      approvals: store.approvals,
    },
    env: {}, // Keys are files by now.
  });
  const { provider, model } = config.default;
  return {
    get facts() {
      return { model: model ? `${provider}/${model}` : provider, ...gateway.facts() };
    },
    async drain() {
      await gateway.close();
      await store.close();
    },
  };
};
