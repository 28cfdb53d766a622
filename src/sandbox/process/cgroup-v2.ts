/** Control groups v2: one hierarchy. Preferred. As an ordinary user we must run inside the delegated group ourselves. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Limits } from "../driver.ts";
import {
  type Cgroups,
  freshGroup,
  readKey,
  readNumber,
  readProcesses,
  reclaim,
  removeGroup,
  setting,
} from "./cgroup-group.ts";

const CPU_PERIOD_US = 100_000;

/** `root`: the mount point. Throws where groups can't be made or controllers can't be passed on. */
export function cgroupV2(root: string, base: string): Cgroups {
  const controllers = passOn(root, base);
  const at = (name: string) => join(root, base, name);
  const swap = (name: string, value: number | string) => {
    if (existsSync(join(at(name), "memory.swap.max"))) setting(at(name), "memory.swap.max", value);
  };

  return {
    kind: "cgroup v2",
    controllers,
    create(name, limits: Limits) {
      freshGroup(at(name));
      setting(at(name), "memory.max", limits.memoryBytes);
      swap(name, 0); // opened only while pageOut() runs: a hog must not go on in swap
      setting(at(name), "pids.max", limits.pids);
      if (controllers.has("cpu") && limits.cpus > 0) {
        setting(
          at(name),
          "cpu.max",
          `${Math.max(1_000, Math.round(limits.cpus * CPU_PERIOD_US))} ${CPU_PERIOD_US}`,
        );
      }
    },
    add: (name, pid) => setting(at(name), "cgroup.procs", pid),
    processes: (name) => readProcesses(at(name)),
    usage(name) {
      const dir = at(name);
      if (!existsSync(dir)) return undefined;
      const stat = join(dir, "memory.stat");
      return {
        memoryBytes: Math.max(0, readNumber(join(dir, "memory.current")) - readKey(stat, "inactive_file")),
        swapBytes: readNumber(join(dir, "memory.swap.current")),
        pids: readNumber(join(dir, "pids.current")),
        cpuMs: readKey(join(dir, "cpu.stat"), "usage_usec") / 1e3,
      };
    },
    oomKills: (name) => readKey(join(at(name), "memory.events"), "oom_kill"),
    remove: (name) => removeGroup(at(name)),
    pagesOutAlone: true,
    async pageOut(name, advise) {
      swap(name, "max");
      try {
        await advise();
        await reclaim(join(at(name), "memory.reclaim"), readNumber(join(at(name), "memory.current")));
      } finally {
        swap(name, 0);
      }
    },
  };
}

/** Makes the base group and enables our controllers in every group above it that doesn't have them enabled yet. */
function passOn(root: string, base: string): Set<"memory" | "pids" | "cpu"> {
  const wanted = ["memory", "pids", "cpu"] as const;
  mkdirSync(join(root, base), { recursive: true });
  const steps = base.split("/");
  for (let depth = 0; depth <= steps.length; depth++) {
    const dir = join(root, ...steps.slice(0, depth));
    const enabled = words(join(dir, "cgroup.subtree_control"));
    const offered = words(join(dir, "cgroup.controllers"));
    for (const name of wanted) {
      if (enabled.includes(name) || (name === "cpu" && !offered.includes(name))) continue;
      setting(dir, "cgroup.subtree_control", `+${name}`);
    }
  }
  const enabled = words(join(root, base, "cgroup.subtree_control"));
  return new Set(wanted.filter((name) => enabled.includes(name)));
}

function words(file: string): string[] {
  return readFileSync(file, "utf8").trim().split(/\s+/);
}
