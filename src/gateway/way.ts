/**
 * The way out, put together: policies in force, people's approvals, inspection, credentials, audit, and the operator's
 * door to all of them. What one sandbox's proxy needs of it is `partsOf`.
 */
import { join } from "node:path";
import { z } from "zod";
import { activityMethods } from "../lib/admin/activity.ts";
import type { AdminMethods } from "../lib/admin/methods.ts";
import { serveAdmin } from "../lib/admin/server.ts";
import { Fault } from "../lib/errors.ts";
import type { Feed } from "../lib/feed.ts";
import type { Logger } from "../lib/logging.ts";
import type { Paths } from "../lib/paths.ts";
import type { AccessReadPort, ApprovalPort, CommandAskPort } from "../store/index.ts";
import { type GatewayActivity, shownApprover, shownAudit, shownCards } from "./activity.ts";
import { Approvals, type ApprovalsOptions, approvalMethods, decidersOf } from "./approvals/index.ts";
import { AuditLog, auditPlaces, type NoteKind } from "./audit/index.ts";
import { basicLabels, CredentialStore, credentialMethods } from "./credentials/index.ts";
import type { Resolver } from "./egress/guard/index.ts";
import { Inspector } from "./egress/inspect/inspector.ts";
import type { AuditPort, EgressOptions } from "./egress/proxy/index.ts";
import { type Policies, type PoliciesOptions, startPolicies } from "./policy/live/index.ts";
import type { TurnsPort } from "./ports.ts";

/** What egress needs beyond the model. */
export interface EgressSettings {
  policies: Omit<PoliciesOptions, "policyFile" | "logger" | "approvals">;
  approvals: ApprovalPort;
  /** Who may decide, and who is shut out. Absent: owners only, nobody. */
  access?: AccessReadPort;
  commandAsks: CommandAskPort;
  approvalLimits?: ApprovalsOptions["limits"];
  /** DNS; default: this host's. */
  resolver?: Resolver;
}

/** The open way. */
export interface Way {
  readonly policies: Policies;
  readonly audit: AuditPort;
  /** Parts of one sandbox's proxy. */
  partsOf(sandboxId: string): Pick<EgressOptions, "approver" | "inspection" | "credentials">;
  /** Puts what the sandbox's programs may read into its egress directory. */
  prepare(sandboxId: string, egressDir: string): void;
  forget(sandboxId: string): void;
  /** Ends what the sandbox was allowed for a while, and its open questions. */
  shut(sandboxId: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens it; resolves when the operator's door is open too. */
export async function openWay(options: {
  paths: Paths;
  logger: Logger;
  turns: TurnsPort;
  egress: EgressSettings;
  feed: Feed<GatewayActivity>;
}): Promise<Way> {
  const { paths, logger, turns, egress, feed } = options;
  const secrets = paths.secrets("gateway");
  const operatorCaFile = egress.policies.config.caFile;
  const inspector = new Inspector({
    dir: join(secrets, "ca"),
    logger,
    ...(operatorCaFile ? { operatorCaFile } : {}),
  });
  const credentials = new CredentialStore({
    dir: join(secrets, "credentials"),
    logger,
    labelsOf: basicLabels,
  });
  const { fsync, keepFiles } = egress.policies.config.audit;
  const log = AuditLog.open({ places: auditPlaces(paths), logger, fsync, keepFiles });
  const approvals = new Approvals({
    store: shownCards(egress.approvals, feed),
    asks: egress.commandAsks,
    turns,
    logger,
    ...(egress.access ? { deciders: decidersOf(egress.access) } : {}),
    note(kind, fields) {
      logger.info(fields, kind);
      void log.note(kind, fields);
    },
    ...(egress.approvalLimits ? { limits: egress.approvalLimits } : {}),
  });
  const policies = await startPolicies({
    ...egress.policies,
    policyFile: paths.policyFile,
    logger,
    approvals: (sandboxId) => approvals.of(sandboxId).view,
  });
  await approvals.start();
  const methods = merged(
    policies.methods,
    approvalMethods(approvals, egress.approvals),
    credentialMethods(credentials),
    activityMethods(feed),
  );
  const admin = await serveAdmin(paths.adminSocket, recorded(methods, log), logger);
  return {
    policies,
    audit: shownAudit(withDenials(log, logger), feed),
    partsOf: (sandboxId) => ({
      approver: shownApprover(approvals.of(sandboxId).desk, feed),
      inspection: inspector.forSandbox(sandboxId),
      credentials: credentials.forSandbox(sandboxId),
    }),
    prepare(sandboxId, egressDir) {
      inspector.prepare(sandboxId, egressDir);
      credentials.prepare(sandboxId, egressDir);
    },
    shut: (sandboxId) => approvals.shut(sandboxId),
    forget(sandboxId) {
      approvals.forget(sandboxId);
      inspector.forget(sandboxId);
      credentials.forget(sandboxId);
    },
    async close() {
      feed.close();
      await admin.close();
      await approvals.close();
      await policies.close();
      inspector.close();
      await log.close();
    },
  };
}

/** Methods that change what may leave, and how the audit calls that. */
const RECORDED: Record<string, NoteKind> = {
  "policy.set": "policy.revision",
  "policy.update": "policy.revision",
  "policy.rollback": "policy.revision",
  "policy.delete": "policy.revision",
  "policy.preset.add": "policy.revision",
  "policy.preset.remove": "policy.revision",
  "credentials.add": "credential.added",
  "credentials.remove": "credential.removed",
};
/** What is noted of such a change: names and numbers, never a text or a secret. */
const Change = z.looseObject({
  target: z.string().optional(),
  name: z.string().optional(),
  preset: z.string().optional(),
  rev: z.number().optional(),
  by: z.string().optional(),
  dryRun: z.boolean().optional(),
});

/** The same methods, each change on record once it took effect. */
function recorded(methods: AdminMethods, log: AuditLog): AdminMethods {
  const table: Record<string, AdminMethods[string]> = { ...methods };
  for (const [name, kind] of Object.entries(RECORDED)) {
    const method = methods[name];
    if (!method) throw new Fault({ code: "admin-method-gone", message: `there is no admin method ${name}` });
    table[name] = {
      params: method.params,
      async run(params) {
        const result = await method.run(params);
        const change = Change.safeParse(params).data;
        if (change?.dryRun) return result;
        const { target, preset, rev, by } = change ?? {};
        void log.note(kind, { method: name, target, name: change?.name, preset, rev, by });
        return result;
      },
    };
  }
  return table;
}

/** The audit, with denials in the gateway's log too: what an operator looks for first. */
function withDenials(audit: AuditPort, logger: Logger): AuditPort {
  return {
    decided(row) {
      if (row.verdict === "deny") logger.info({ audit: "egress", ...row }, "egress denied");
      return audit.decided(row);
    },
    closed: (row) => audit.closed(row),
  };
}

/** Rows into the log: of a gateway that lets nothing out but to the model. */
export function logAudit(logger: Logger): AuditPort {
  const write = (row: object) => logger.info({ audit: "egress", ...row }, "egress");
  return { decided: write, closed: write };
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
