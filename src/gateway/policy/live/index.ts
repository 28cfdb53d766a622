/** Policies in force, for the gateway's process. */
export { type ApprovalView, PolicyBook, type PolicyBookOptions } from "./book.ts";
export { type ChangeOutcome, PolicyDesk } from "./desk.ts";
export { PolicyFile } from "./file.ts";
export { policyMethods } from "./methods.ts";
export type { PolicyRow, PolicyStatus, PolicyView } from "./read.ts";
export { type Policies, type PoliciesOptions, startPolicies } from "./start.ts";
