/** What this host gives for caps and parking, asked without a running service. For `nemoclaw doctor`. */
import { type ParkSupport, parkSupport } from "../host/park.ts";
import { findCgroups } from "./cgroup.ts";

/** See {@link hostLimits}. */
export interface HostLimits {
  /** `cgroup v1`, `cgroup v2`, or why memory and processes can't be capped. */
  readonly cgroups: { readonly kind: string } | { readonly missing: string };
  readonly parking: ParkSupport;
}

/** Tries a control group out (and removes it), looks at swap and rights. */
export function hostLimits(options: {
  home: string;
  delegated?: string | undefined;
  plainSwap: boolean;
}): HostLimits {
  const { home, delegated, plainSwap } = options;
  const found = findCgroups({ home, delegated });
  return {
    cgroups: "missing" in found ? found : { kind: found.kind },
    parking: parkSupport({ pagesOutAlone: !("missing" in found) && found.pagesOutAlone, plainSwap }),
  };
}
