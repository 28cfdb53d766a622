/**
 * What the proxy needs to look into TLS, for one sandbox: an identity to show its clients, and verified TLS upstream.
 * Types only.
 */

import type { Socket } from "node:net";
import type { SecureContext, TLSSocket } from "node:tls";
import type { Cancel } from "../../../lib/cancel.ts";
import type { Authority } from "../guard/index.ts";

/** TLS over a dialled socket, or why there is none. `detail` is for the audit, never for the guest. */
export type Secured =
  | { readonly ok: true; readonly socket: TLSSocket }
  | {
      readonly ok: false;
      readonly code: "upstream_tls_invalid" | "upstream_unreachable" | "upstream_timeout";
      readonly detail: string;
    };

/** Inspection of one sandbox's TLS. */
export interface Inspection {
  /** Key and leaf for a host. Must only be asked for hosts that the policy inspects. */
  contextFor(authority: Authority): SecureContext;
  /** Speaks TLS with what was dialled; must verify certificate and name. Never rejects; a failure ends the socket. */
  secure(socket: Socket, authority: Authority, signal: Cancel, timeoutMs: number): Promise<Secured>;
}
