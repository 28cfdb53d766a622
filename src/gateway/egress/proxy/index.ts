/** The egress proxy's face for the rest of the gateway. */
export type {
  Approver,
  AuditPort,
  AuditRow,
  Connector,
  HoldOutcome,
  InferencePort,
  PolicyPort,
  ProgramLookup,
  Question,
} from "./ports.ts";
export { createEgressServer, type EgressOptions, type EgressServer } from "./server.ts";
