/** The egress proxy's face for the rest of the gateway. */
export { DEFAULT_LIMITS, type ProxyLimits } from "./limits.ts";
export {
  type Approver,
  type AuditPort,
  type AuditRow,
  type Connector,
  type HoldOutcome,
  type InferencePort,
  NO_APPROVER,
  type PolicyPort,
  type ProgramLookup,
  type Question,
} from "./ports.ts";
export { createEgressServer, type EgressOptions, type EgressServer } from "./server.ts";
