/**
 * The gateway process: watches the launcher's sandboxes, listens on each one's egress socket, serves the model there,
 * and lets out what policy or a person allows. Holds the model keys; must never hold a bot token, speak to a chat or
 * create a sandbox.
 */
import type { Logger } from "../lib/logging.ts";
import type { Paths } from "../lib/paths.ts";
import { type GatewayActivity, gatewayFeed } from "./activity.ts";
import type { InferenceConfig } from "./config.ts";
import { createGuard, systemResolver } from "./egress/guard/index.ts";
import { createEgressServer, type PolicyPort } from "./egress/proxy/index.ts";
import { tuneHeap } from "./heap.ts";
import { InferenceRouter, type RouterOptions } from "./inference/router.ts";
import { inferenceServer } from "./inference/server.ts";
import { compilePolicy } from "./policy/index.ts";
import type { LauncherPort, ProfilesPort, TurnsPort, UsagePort } from "./ports.ts";
import { ShutSandboxes } from "./shut.ts";
import { EgressSockets } from "./sockets.ts";
import { type EgressSettings, logAudit, openWay } from "./way.ts";

/** What the process is given. */
export interface GatewayOptions {
  paths: Paths;
  config: InferenceConfig;
  logger: Logger;
  usage: UsagePort;
  turns: TurnsPort;
  profiles: ProfilesPort;
  launcher: LauncherPort;
  /** Absent: nothing but the model can be reached. */
  egress?: EgressSettings;
  /** Where vendors' keys may be besides `secrets/gateway`; default this process's environment. */
  env?: NodeJS.ProcessEnv;
  timeouts?: NonNullable<RouterOptions["timeouts"]>;
}

/** A running gateway. */
export interface Gateway {
  /** Ids of the sandboxes whose socket listens. */
  listening(): string[];
  /** What an operator could see live now: everything that is kept (activity.ts). */
  activity(): readonly GatewayActivity[];
  /** For status; read again each time. */
  facts(): Record<string, string>;
  /** Other models, providers and caps from now on: calls under way go on as they began. */
  reconfigure(config: InferenceConfig): void;
  close(): Promise<void>;
}

const NOTHING = compilePolicy({ hash: "model-only", fallback: "deny", rules: [], denials: [] });

/** No rule at all: only the model can be reached. */
const MODEL_ONLY: PolicyPort = {
  current: () => ({ policy: NOTHING, grants: [] }),
  onChange: () => () => {},
};

/** Starts the gateway; resolves once it watches the launcher. */
export async function runGateway(options: GatewayOptions): Promise<Gateway> {
  tuneHeap();
  const { paths, config, logger, usage, turns, profiles, launcher, egress } = options;
  const feed = gatewayFeed();
  const router = new InferenceRouter({
    ended: (call) => feed.push({ kind: "inference", at: Date.now(), ...call }),
    config,
    keyDir: paths.secrets("gateway"),
    usage,
    turns,
    profiles,
    logger,
    ...(options.env ? { env: options.env } : {}),
    ...(options.timeouts ? { timeouts: options.timeouts } : {}),
  });
  const way = egress && (await openWay({ paths, logger, turns, egress, feed }));
  const audit = way?.audit ?? logAudit(logger);
  const guard = createGuard({
    resolver: egress?.resolver ?? systemResolver(egress?.policies.config.nameServers),
  });
  const shut = new ShutSandboxes(egress?.access, logger, async (sandboxId) => way?.shut(sandboxId));
  await shut.start();
  const sockets = new EgressSockets({
    paths,
    launcher,
    logger,
    serve: (sandboxId) =>
      createEgressServer({
        sandboxId,
        policy: shut.policy(sandboxId, way?.policies.port(sandboxId) ?? MODEL_ONLY),
        guard,
        audit,
        logger,
        inference: inferenceServer(sandboxId, shut.inference(router)),
        ...way?.partsOf(sandboxId),
        programOf: (port) => launcher.programOf(sandboxId, port).catch(() => undefined),
      }),
    ...(way ? { prepare: (sandboxId, dir) => way.prepare(sandboxId, dir) } : {}),
    forget(sandboxId) {
      router.forget(sandboxId);
      way?.forget(sandboxId);
    },
  });
  const update: Parameters<LauncherPort["watch"]>[0] = (sandboxId, info) => sockets.update(sandboxId, info);
  await launcher.watch(way ? way.policies.following(update) : update);
  return {
    listening: () => sockets.listening,
    activity: () => feed.read({}, Number.MAX_SAFE_INTEGER).items,
    facts: () => way?.policies.facts() ?? {},
    reconfigure({ limits, ...rest }) {
      // In place: router and caps hold these objects and read them anew at each call.
      for (const key of ["dailyTokens", "dailyMicros"] as const) delete config.limits[key];
      delete config.transcription;
      Object.assign(config.limits, limits);
      Object.assign(config, rest);
    },
    async close() {
      await shut.close();
      await way?.close();
      await router.close();
      sockets.close();
      await launcher.close();
    },
  };
}
