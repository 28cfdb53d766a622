/**
 * The gateway process: watches the launcher's sandboxes, listens on each one's egress socket, serves the model there
 * and denies the rest. Holds the model keys; must never hold a bot token, speak to a chat or create a sandbox.
 */
import type { Logger } from "../lib/logging.ts";
import type { Paths } from "../lib/paths.ts";
import type { InferenceConfig } from "./config.ts";
import { type EgressDecider, modelOnly } from "./egress/decider.ts";
import { createEgressProxy } from "./egress/proxy.ts";
import { InferenceRouter, type RouterOptions } from "./inference/router.ts";
import type { LauncherPort, ProfilesPort, TurnsPort, UsagePort } from "./ports.ts";
import { EgressSockets } from "./sockets.ts";

/** What the process is given. */
export interface GatewayOptions {
  paths: Paths;
  config: InferenceConfig;
  logger: Logger;
  usage: UsagePort;
  turns: TurnsPort;
  profiles: ProfilesPort;
  launcher: LauncherPort;
  /** Where vendors' keys may be besides `secrets/gateway`; default this process's environment. */
  env?: NodeJS.ProcessEnv;
  decider?: EgressDecider;
  timeouts?: NonNullable<RouterOptions["timeouts"]>;
}

/** A running gateway. */
export interface Gateway {
  /** Ids of the sandboxes whose socket listens. */
  listening(): string[];
  close(): Promise<void>;
}

/** Starts the gateway; resolves once it watches the launcher. */
export async function runGateway(options: GatewayOptions): Promise<Gateway> {
  const { paths, config, logger, usage, turns, profiles, launcher } = options;
  const router = new InferenceRouter({
    config,
    keyDir: paths.secrets("gateway"),
    usage,
    turns,
    profiles,
    logger,
    ...(options.env ? { env: options.env } : {}),
    ...(options.timeouts ? { timeouts: options.timeouts } : {}),
  });
  const decider = options.decider ?? modelOnly;
  const sockets = new EgressSockets({
    paths,
    launcher,
    logger,
    serve: (sandboxId) => createEgressProxy(sandboxId, decider, router, logger),
    forget: (sandboxId) => router.forget(sandboxId),
  });
  await launcher.watch((sandboxId, info) => sockets.update(sandboxId, info));
  return {
    listening: () => sockets.listening,
    async close() {
      await router.close();
      sockets.close();
      await launcher.close();
    },
  };
}
