/**
 * The gateway's public face: its process, its part of the configuration, what it needs of others.
 */
import { EgressConfig, InferenceConfig } from "./config.ts";
import { PROVIDERS } from "./inference/providers.ts";
import type { Gateway, GatewayOptions } from "./run.ts";

export { adminCall } from "../lib/admin/client.ts";
export type { AdminMethods } from "../lib/admin/methods.ts";
export type { GatewayActivity } from "./activity.ts";
export {
  type AuditPlaces,
  auditFiles,
  auditPlaces,
  type NoteKind,
  storedLines,
  type Verdict,
  verifyAudit,
} from "./audit/index.ts";
export { EgressConfig, InferenceConfig } from "./config.ts";
export { type ModelOffers, offersOf } from "./inference/offers.ts";
export { listModels, type Probe, type ProbeTarget, tryModel } from "./inference/probe.ts";
export { PROVIDERS, type Provider, type ProviderName, providerOf } from "./inference/providers.ts";
export {
  choosePreset,
  formatNotices,
  listPresets,
  loadPolicy,
  type Notice,
  presetNames,
} from "./policy/index.ts";
export type { ChangeOutcome, PolicyRow, PolicyView } from "./policy/live/index.ts";
export type {
  LauncherPort,
  ProfilesPort,
  RunningTurn,
  SandboxSocket,
  TurnsPort,
  UsagePort,
} from "./ports.ts";
export type { Gateway, GatewayOptions } from "./run.ts";

/** What `lib/config.ts` needs to read `inference:` and `egress:` and to find keys in the environment. */
export const INFERENCE_PARTS = {
  schema: InferenceConfig,
  egress: EgressConfig,
  keys: Object.entries(PROVIDERS).flatMap(([provider, row]) =>
    row.keyEnv.map((variable) => ({ variable, provider })),
  ),
};

/** The gateway itself, loaded only by who runs it: commands that need its settings answer 100 ms sooner. */
export async function runGateway(options: GatewayOptions): Promise<Gateway> {
  return (await import("./run.ts")).runGateway(options);
}
