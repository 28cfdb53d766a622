/** What the operator's commands may ask about approvals and standing rules. The operator may decide for everybody. */
import { z } from "zod";
import { type AdminMethods, adminMethod } from "../../lib/admin/methods.ts";
import { Fault } from "../../lib/errors.ts";
import {
  type ApprovalPort,
  type ApprovalRecord,
  type Decider,
  PrincipalId,
  RuleId,
} from "../../store/index.ts";
import type { Approvals } from "./approvals.ts";

/** The operator as a decider: whoever reaches the admin socket. */
const OPERATOR: Decider = { via: "operator", identity: "operator", name: "operator" };

const STATES = {
  once: "allowed-once",
  session: "allowed-session",
  always: "allowed-always",
  deny: "denied",
} as const;

/** An approval's id or the beginning of it. */
const someId = (least: number) => {
  const words = `expected the id of an approval, or its first ${least} letters (nemoclaw approvals list)`;
  return z.string().min(least, words).max(24, words);
};

/** `approvals.list|show|decide`, `rules.list|revoke`. */
export function approvalMethods(approvals: Approvals, store: ApprovalPort): AdminMethods {
  const everybody = async (one?: string) => {
    const asked = (await store.asked()).map(({ principal }) => principal);
    return one ? [one] : [...new Set([...asked, ...approvals.sandboxes])];
  };
  const records = async (principal?: string): Promise<ApprovalRecord[]> => {
    const lists = await Promise.all((await everybody(principal)).map((id) => store.list(id)));
    return lists.flat().sort((a, b) => a.createdAt - b.createdAt);
  };
  const find = async (approvalId: string): Promise<ApprovalRecord> => {
    const found = (await records()).filter((record) => record.approvalId.startsWith(approvalId));
    if (found.length === 1 && found[0]) return found[0];
    throw new Fault({
      code: "approval-unknown",
      message:
        found.length > 1
          ? `several approvals begin with ${approvalId}`
          : `there is no approval ${approvalId}`,
      hint: "nemoclaw approvals list shows the open ones, nemoclaw approvals history the others",
    });
  };
  const which = z.strictObject({ sandbox: PrincipalId.optional() });
  return {
    "approvals.list": adminMethod(
      z.strictObject({ sandbox: PrincipalId.optional(), all: z.boolean().default(false) }),
      async ({ sandbox, all }) => ({
        approvals: (await records(sandbox)).filter((record) => all || record.state === "pending"),
        unasked: approvals.unasked(),
      }),
    ),
    "approvals.show": adminMethod(z.strictObject({ id: someId(3) }), ({ id }) => find(id)),
    "approvals.decide": adminMethod(
      z.strictObject({
        id: someId(5),
        verb: z.enum(["once", "session", "always", "deny"]),
        /** Why, for the audit. */
        reason: z.string().max(256).optional(),
      }),
      async ({ id, verb, reason }) => {
        const record = await find(id);
        const verdict = { state: STATES[verb], by: OPERATOR, ...(reason === undefined ? {} : { reason }) };
        return approvals.decide(record.principal, record.approvalId, verdict);
      },
    ),
    "rules.list": adminMethod(which, async ({ sandbox }) => {
      const lists = await Promise.all(
        (await everybody(sandbox)).map(async (principal) =>
          (await store.rules(principal)).map((rule) => ({ ...rule, principal })),
        ),
      );
      return lists.flat();
    }),
    "rules.revoke": adminMethod(
      z.strictObject({ sandbox: PrincipalId, rule: RuleId }),
      async ({ sandbox, rule }) => ({ removed: await approvals.revoke(sandbox, rule, OPERATOR) }),
    ),
  };
}
