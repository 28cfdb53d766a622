/**
 * What the gateway lets an operator watch live (`openshell term`): each decision once it is on record, connections that
 * begin to wait for a person, calls of the model. A bounded ring in memory beside the audit, never instead of it; nothing
 * per packet, no content, no secret.
 */
import { Feed } from "../lib/feed.ts";
import type { ApprovalPort, ApprovalRecord } from "../store/index.ts";
import type { Approver, AuditPort, AuditRow, Question } from "./egress/proxy/index.ts";
import type { EndedCall } from "./inference/router.ts";

/** One thing that happened; `at` is this host's clock, for display only. */
export type GatewayActivity =
  | { readonly kind: "request"; readonly at: number; readonly row: AuditRow }
  | { readonly kind: "asked"; readonly at: number; readonly question: Question }
  /** A card is new or has changed. */
  | { readonly kind: "approval"; readonly at: number; readonly record: ApprovalRecord }
  | ({ readonly kind: "inference"; readonly at: number } & Readonly<EndedCall>);

/** How much is kept: minutes of a busy host, about 1 MB. */
const KEPT = 2_000;

/** A feed of the gateway. */
export function gatewayFeed(): Feed<GatewayActivity> {
  return new Feed(KEPT);
}

/** The same audit; each row is shown once it is written (an allowed one that can't be written allows nothing). */
export function shownAudit(audit: AuditPort, feed: Feed<GatewayActivity>): AuditPort {
  const show = (row: AuditRow) => feed.push({ kind: "request", at: Date.now(), row });
  return {
    decided(row) {
      const written = audit.decided(row);
      if (written) return written.then(() => show(row));
      show(row);
    },
    closed(row) {
      audit.closed(row);
      show(row);
    },
  };
}

/** The same approver; who begins to wait is shown. */
export function shownApprover(approver: Approver, feed: Feed<GatewayActivity>): Approver {
  return {
    hold(question, signal) {
      feed.push({ kind: "asked", at: Date.now(), question });
      return approver.hold(question, signal);
    },
    consume: (grantId) => approver.consume(grantId),
  };
}

/** The same store; each card that this gateway writes is shown as it is then. */
export function shownCards(store: ApprovalPort, feed: Feed<GatewayActivity>): ApprovalPort {
  const show = (record: ApprovalRecord | undefined) => {
    if (record) feed.push({ kind: "approval", at: Date.now(), record });
  };
  const shown = async <T>(written: Promise<T>, recordOf: (result: T) => ApprovalRecord | undefined) => {
    const result = await written;
    show(recordOf(result));
    return result;
  };
  const same = (record: ApprovalRecord | undefined) => record;
  return {
    ...store,
    open: (...args) =>
      shown(store.open(...args), (outcome) => (outcome.kind === "busy" ? undefined : outcome.record)),
    holding: (...args) => shown(store.holding(...args), same),
    decide: (...args) => shown(store.decide(...args), (outcome) => outcome?.record),
    confirming: (...args) => shown(store.confirming(...args), same),
  };
}
