/** The process driver's public face. */
export { type HostLimits, hostLimits } from "./host-limits.ts";
export { openProcessDriver } from "./open.ts";
