/**
 * What one inference call is made of, shared by the steps that serve it. Types only.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../../lib/logging.ts";
import type { InferenceConfig } from "../config.ts";
import type { ProfilesPort, TurnsPort, UsagePort } from "../ports.ts";
import type { InferenceCode } from "./errors.ts";
import type { KeyRing } from "./keys.ts";
import type { SandboxLimits } from "./limits.ts";
import type { Dialect } from "./providers.ts";
import type { Settler } from "./settle.ts";
import type { Tokens } from "./usage.ts";
import type { VendorTimeouts } from "./vendor-call.ts";
import type { VendorPools } from "./vendor-pools.ts";

/** Limits in time of a call; tests shorten them. */
export type CallTimeouts = VendorTimeouts & {
  modelTotal: number;
  transcription: number;
  routerFinalError: number;
};

/** What a call needs. */
export interface CallDeps {
  config: InferenceConfig;
  keys: KeyRing;
  pools: VendorPools;
  limits: SandboxLimits;
  usage: UsagePort;
  turns: TurnsPort;
  profiles: ProfilesPort;
  settler: Settler;
  logger: Logger;
  timeouts: CallTimeouts;
}

/** A call under way. */
export interface Call {
  sandboxId: string;
  dialect: Dialect;
  ref: string;
  req: IncomingMessage;
  res: ServerResponse;
  startedAt: number;
  /** Aborted when the client is gone, the total time is over or the gateway closes. */
  signal: AbortSignal;
  /** Known once the turn has been looked up. */
  turnId: string;
}

/** How it ended, for the audit line. `tokens` absent = no vendor was reached. */
export interface CallEnd {
  verdict: "ok" | "cancelled" | InferenceCode;
  provider?: string;
  model?: string;
  status?: number;
  attempts: number;
  firstByteMs?: number;
  tokens?: Tokens & { estimated: boolean };
  cause?: string;
}
