/** The gateway as a process: the only one that reads vendors' keys. */
import { EgressConfig, InferenceConfig, providerOf, runGateway } from "../../gateway/index.ts";
import { pathsOf } from "../../lib/paths.ts";
import { LauncherClient, resolveBlueprint } from "../../sandbox/index.ts";
import { PROJECT_ROOT } from "../project.ts";
import type { StartService } from "./service.ts";
import { openServiceStore } from "./store.ts";

/** See the module's header. */
export const startGateway: StartService = async (settings, logger) => {
  const paths = pathsOf(settings.home);
  const config = InferenceConfig.parse(settings.config.inference);
  const egress = EgressConfig.parse(settings.config.egress);
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
      programOf: (sandboxId, port) => client.programOf(sandboxId, port),
      close: () => client.close(),
    },
    egress: {
      policies: {
        store: store.policies,
        hostId: settings.hostId,
        config: egress,
        base: blueprint.policy.default,
        protections: settings.config.sandbox.protections,
      },
      approvals: store.approvals,
      access: store.access,
      commandAsks: store.commandAsks,
      ...(egress.holdSeconds === undefined ? {} : { approvalLimits: { holdMs: egress.holdSeconds * 1_000 } }),
    },
    env: {}, // Keys are files by now.
  });
  return {
    get facts() {
      const { provider, model } = config.default;
      return {
        model: `${provider}/${model ?? (providerOf(provider)?.defaultModel || "-")}`,
        ...gateway.facts(),
      };
    },
    reconfigure: ({ inference }) => gateway.reconfigure(InferenceConfig.parse(inference)),
    async drain() {
      await gateway.close();
      await store.close();
    },
  };
};
