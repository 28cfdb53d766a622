/**
 * What the proxy asks about credentials, for one sandbox. The proxy never holds a secret longer than one request. Types
 * only.
 */
import type { Authority } from "../egress/guard/index.ts";
import type { HeaderLine } from "../egress/proxy/head.ts";
import type { Scrubber } from "./scrubber.ts";

/** One request, as far as credentials are concerned. */
export interface CredentialUse {
  readonly authority: Authority;
  /** Inside TLS that this gateway ended, and that it will speak, verified, with upstream. */
  readonly inspected: boolean;
  readonly method: string;
  readonly path: string;
  readonly barePath: string;
  /** Path and query as they are sent. */
  readonly target: string;
  readonly headers: readonly HeaderLine[];
}

/** Why a placeholder isn't replaced. Stable; for the audit, the sandbox only hears `credential_endpoint_mismatch`. */
export type CredentialFault =
  | "credential_unknown"
  | "credential_not_for_sandbox"
  | "credential_not_inspected"
  | "credential_wrong_endpoint"
  | "credential_wrong_place";

/** What becomes of a request. */
export type CredentialVerdict =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly reason: CredentialFault; readonly name: string }
  | {
      readonly kind: "put";
      readonly name: string;
      /** All headers of the request, the secret in its place. */
      readonly headers: readonly HeaderLine[];
      /** For the answer; a fresh one for each message and text. */
      readonly scrubber: () => Scrubber;
    };

/** One sandbox's credentials. */
export interface CredentialPort {
  judge(use: CredentialUse): CredentialVerdict;
}
