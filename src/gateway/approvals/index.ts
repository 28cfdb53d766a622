/** Approvals' face for the rest of the gateway. */

export { approvalMethods } from "./admin.ts";
export { Approvals, type ApprovalsOptions } from "./approvals.ts";
export { decidersOf } from "./deciders.ts";
export type { DeskLimits } from "./desk.ts";
export type { ApprovalView } from "./view.ts";
