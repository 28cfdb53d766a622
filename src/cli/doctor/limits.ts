/** What this host gives beyond the required: caps by control group, parking, users of their own. */
import { readFileSync } from "node:fs";
import { hostLimits } from "../../sandbox/index.ts";
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import type { Examined } from "./examined.ts";

/** Caps, parking, swap, separation by uid. */
export function checkLimits({ config, paths, root }: Examined): Finding[] {
  const { cgroups, parking } = hostLimits({
    home: paths.home,
    delegated: config?.sandbox.cgroup,
    plainSwap: config?.sandbox.plainSwap ?? false,
  });
  const chosen = config?.sandbox.protections === "best_effort";
  return [
    "missing" in cgroups
      ? (chosen ? warn : fail)(
          "control groups",
          `no cap on an agent's memory and processes: ${cgroups.missing}`,
          "run the service as root, or give it a delegated control group (systemd: Delegate=yes, sandbox.cgroup)",
        )
      : ok("control groups", `memory and processes capped by ${cgroups.kind}`),
    parking.ok
      ? ok("parking", `${parking.how}, ${parking.detail}`)
      : ok(
          "parking",
          `idle agents stay in memory: ${parking.why} (zram or encrypted swap, as root, would allow it)`,
        ),
    checkSwap(config?.sandbox.plainSwap ?? false),
    root
      ? ok("uid separation", "a user of its own for each process and each sandbox")
      : warn(
          "uid separation",
          "processes and sandboxes share your user: only namespaces separate them",
          "run the service as root",
        ),
  ];
}

/** Memory of agents, and with bad luck of the gateway, ends up there. */
function checkSwap(accepted: boolean): Finding {
  const name = "swap";
  let devices: string[];
  try {
    devices = readFileSync("/proc/swaps", "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(/\s+/)[0] ?? "");
  } catch {
    return ok(name, "unknown: /proc/swaps can't be read");
  }
  if (devices.length === 0) return ok(name, "none");
  const plain = devices.filter((path) => !/\/(zram\d+|dm-\d+)$/.test(path));
  if (plain.length === 0) return ok(name, devices.join(", "));
  return accepted
    ? ok(name, `${plain.join(", ")}, in the clear (sandbox.plainSwap)`)
    : warn(
        name,
        `${plain.join(", ")} keeps memory on disk in the clear`,
        "use zram (zram-tools) or encrypt it; or accept it: sandbox.plainSwap",
      );
}
