/**
 * The gateway process: watches the launcher's sandboxes, listens on each one's egress socket, serves the model there
 * and denies the rest. Holds the model keys; must never hold a bot token, speak to a chat or create a sandbox.
 */
import type { Logger } from "../lib/logging.ts";
import type { Paths } from "../lib/paths.ts";
import type { InferenceConfig } from "./config.ts";
import { createGuard, type Resolver, systemResolver } from "./egress/guard/index.ts";
import { type AuditPort, createEgressServer, type PolicyPort } from "./egress/proxy/index.ts";
import { InferenceRouter, type RouterOptions } from "./inference/router.ts";
import { inferenceServer } from "./inference/server.ts";
import { compilePolicy } from "./policy/index.ts";
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
  /** DNS; default: this host's. */
  resolver?: Resolver;
  /** The policy of a sandbox; default: nothing but the model. */
  policyOf?(sandboxId: string): PolicyPort;
  timeouts?: NonNullable<RouterOptions["timeouts"]>;
}

const NOTHING = compilePolicy({ hash: "model-only", fallback: "deny", rules: [], denials: [] });

/** No rule at all: only the model can be reached. */
const MODEL_ONLY: PolicyPort = {
  current: () => ({ policy: NOTHING, grants: [] }),
  onChange: () => () => {},
};

/** Rows into the log. */
function logAudit(logger: Logger): AuditPort {
  const write = (row: object) => logger.info({ audit: "egress", ...row }, "egress");
  return { decided: write, closed: write };
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
  const guard = createGuard({ resolver: options.resolver ?? systemResolver() });
  const policyOf = options.policyOf ?? (() => MODEL_ONLY);
  const audit = logAudit(logger);
  const sockets = new EgressSockets({
    paths,
    launcher,
    logger,
    serve: (sandboxId) =>
      createEgressServer({
        sandboxId,
        policy: policyOf(sandboxId),
        guard,
        audit,
        logger,
        inference: inferenceServer(sandboxId, router),
        programOf: (port) => launcher.programOf(sandboxId, port).catch(() => undefined),
      }),
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
