/**
 * The gateway process: watches the launcher's sandboxes, listens on each one's egress socket, serves the model there,
 * and lets out what policy or a person allows. Holds the model keys; must never hold a bot token, speak to a chat or
 * create a sandbox.
 */
import { Fault } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import type { Paths } from "../lib/paths.ts";
import type { ApprovalPort } from "../store/index.ts";
import type { AdminMethods } from "./admin/methods.ts";
import { serveAdmin } from "./admin/server.ts";
import { Approvals, type ApprovalsOptions, approvalMethods } from "./approvals/index.ts";
import type { InferenceConfig } from "./config.ts";
import { createGuard, type Resolver, systemResolver } from "./egress/guard/index.ts";
import { type AuditPort, createEgressServer, type PolicyPort } from "./egress/proxy/index.ts";
import { InferenceRouter, type RouterOptions } from "./inference/router.ts";
import { inferenceServer } from "./inference/server.ts";
import { compilePolicy } from "./policy/index.ts";
import { type Policies, type PoliciesOptions, startPolicies } from "./policy/live/index.ts";
import type { LauncherPort, ProfilesPort, TurnsPort, UsagePort } from "./ports.ts";
import { EgressSockets } from "./sockets.ts";

/** What egress needs beyond the model. */
export interface EgressSettings {
  policies: Omit<PoliciesOptions, "policyFile" | "logger" | "approvals">;
  approvals: ApprovalPort;
  approvalLimits?: ApprovalsOptions["limits"];
  /** DNS; default: this host's. */
  resolver?: Resolver;
}

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
  /** For status; read again each time. */
  facts(): Record<string, string>;
  close(): Promise<void>;
}

/** Egress, put together. */
interface Way {
  policies: Policies;
  approvals: Approvals;
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
  const { paths, config, logger, usage, turns, profiles, launcher, egress } = options;
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
  const audit = logAudit(logger);
  const way = egress && (await openWay(options, egress));
  const guard = createGuard({
    resolver: egress?.resolver ?? systemResolver(egress?.policies.config.nameServers),
  });
  const sockets = new EgressSockets({
    paths,
    launcher,
    logger,
    serve: (sandboxId) =>
      createEgressServer({
        sandboxId,
        policy: way?.policies.port(sandboxId) ?? MODEL_ONLY,
        guard,
        audit,
        logger,
        inference: inferenceServer(sandboxId, router),
        ...(way ? { approver: way.approvals.of(sandboxId).desk } : {}),
      }),
    forget(sandboxId) {
      router.forget(sandboxId);
      way?.approvals.forget(sandboxId);
    },
  });
  const update: Parameters<LauncherPort["watch"]>[0] = (sandboxId, info) => sockets.update(sandboxId, info);
  await launcher.watch(way ? way.policies.following(update) : update);
  return {
    listening: () => sockets.listening,
    facts: () => way?.policies.facts() ?? {},
    async close() {
      await way?.close();
      await router.close();
      sockets.close();
      await launcher.close();
    },
  };
}

/** Policies, approvals and the operator's door to both. */
async function openWay({ paths, logger, turns }: GatewayOptions, egress: EgressSettings): Promise<Way> {
  const approvals = new Approvals({
    store: egress.approvals,
    turns,
    logger,
    note: (kind, fields) => logger.info({ audit: kind, ...fields }, kind),
    ...(egress.approvalLimits ? { limits: egress.approvalLimits } : {}),
  });
  const policies = await startPolicies({
    ...egress.policies,
    policyFile: paths.policyFile,
    logger,
    approvals: (sandboxId) => approvals.of(sandboxId).view,
  });
  await approvals.start();
  const methods = merged(policies.methods, approvalMethods(approvals, egress.approvals));
  const admin = await serveAdmin(paths.adminSocket, methods, logger);
  return {
    policies,
    approvals,
    async close() {
      await admin.close();
      await approvals.close();
      await policies.close();
    },
  };
}

/** One table of all parts' methods; two of one name is a mistake of ours. */
function merged(...tables: AdminMethods[]): AdminMethods {
  const all: Record<string, AdminMethods[string]> = {};
  for (const [name, method] of tables.flatMap((table) => Object.entries(table))) {
    if (all[name]) throw new Fault({ code: "admin-method-twice", message: `two admin methods are ${name}` });
    all[name] = method;
  }
  return all;
}

/** Rows into the log. */
function logAudit(logger: Logger): AuditPort {
  const write = (row: object) => logger.info({ audit: "egress", ...row }, "egress");
  return { decided: write, closed: write };
}
