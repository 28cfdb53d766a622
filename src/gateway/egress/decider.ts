/**
 * The seam between the proxy and policy: one question per request or tunnel, one decision as a value with its reason.
 * Today's decider knows one destination; policy, approvals and the address guard take its place without the proxy
 * changing.
 */

/** What a sandbox wants to reach. Host is canonical (guard/authority.ts). */
export interface EgressRequest {
  sandboxId: string;
  /** `connect` = a tunnel whose content isn't known yet. */
  scheme: "http" | "connect";
  host: string;
  port: number;
  /** Absent for a tunnel. */
  method?: string;
  path?: string;
}

/** The answer. `inference` = served here by the inference router. */
export type EgressDecision =
  | { verdict: "inference" }
  | { verdict: "deny"; reason: string; detail: string; guidance: string };

/** Decides. May take time (a held connection waits here); must not throw for an unknown destination. */
export interface EgressDecider {
  decide(request: EgressRequest): EgressDecision | Promise<EgressDecision>;
}

/** The name under which a sandbox reaches its model. */
export const INFERENCE_HOST = "inference.local";

/** Denies everything but the model. */
export const modelOnly: EgressDecider = {
  decide({ host, port }) {
    if (host === INFERENCE_HOST && port === 80) return { verdict: "inference" };
    return {
      verdict: "deny",
      reason: "no_rule",
      detail: `No rule allows ${host}:${port}.`,
      guidance:
        "This sandbox has no network. Only the model at http://inference.local/v1 can be reached. " +
        "Do not try again; go on without it, or tell the user what you needed it for.",
    };
  },
};
