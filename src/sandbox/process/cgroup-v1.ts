/** Control groups v1: one directory per controller's hierarchy. Used where v2 has no memory controller. */
import { existsSync, mkdirSync } from "node:fs";
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

/**
 * `mounts`: mount point by controller; `trackers`: of hierarchies without controllers, by which systemd knows whose a
 * process is. Throws where groups can't be made.
 */
export function cgroupV1(
  mounts: ReadonlyMap<string, string>,
  base: string,
  trackers: readonly string[] = [],
): Cgroups {
  const wanted = ["memory", "pids", "cpu", "cpuacct"].filter((c) => {
    const mount = mounts.get(c);
    if (mount === undefined) return false;
    try {
      mkdirSync(join(mount, base), { recursive: true });
      return true;
    } catch (error) {
      // cpu and its accounting are welcome, memory and pids are the point.
      if (c === "memory" || c === "pids") throw error;
      return false;
    }
  });
  const at = (controller: string, name: string) => join(mounts.get(controller) ?? "", base, name);
  // cpu and cpuacct are often one hierarchy: each directory once.
  const all = (name: string) => [
    ...new Set(wanted.map((c) => at(c, name))),
    ...trackers.map((mount) => join(mount, base, name)),
  ];

  return {
    kind: "cgroup v1",
    controllers: new Set(wanted.filter((c) => c !== "cpuacct") as ("memory" | "pids" | "cpu")[]),
    create(name, limits: Limits) {
      for (const dir of all(name)) freshGroup(dir);
      const memory = at("memory", name);
      setting(memory, "memory.limit_in_bytes", limits.memoryBytes);
      // Memory and swap together: parking moves pages from one to the other, and a hog can't escape into swap.
      if (existsSync(join(memory, "memory.memsw.limit_in_bytes"))) {
        setting(memory, "memory.memsw.limit_in_bytes", limits.memoryBytes);
      }
      setting(at("pids", name), "pids.max", limits.pids);
      if (wanted.includes("cpu") && limits.cpus > 0) {
        setting(at("cpu", name), "cpu.cfs_period_us", CPU_PERIOD_US);
        setting(
          at("cpu", name),
          "cpu.cfs_quota_us",
          Math.max(1_000, Math.round(limits.cpus * CPU_PERIOD_US)),
        );
      }
    },
    add(name, pid) {
      for (const dir of all(name)) setting(dir, "cgroup.procs", pid);
    },
    processes: (name) => readProcesses(at("pids", name)),
    usage(name) {
      const memory = at("memory", name);
      if (!existsSync(memory)) return undefined;
      const stat = join(memory, "memory.stat");
      return {
        memoryBytes: Math.max(
          0,
          readNumber(join(memory, "memory.usage_in_bytes")) - readKey(stat, "total_inactive_file"),
        ),
        swapBytes: readKey(stat, "total_swap"),
        pids: readNumber(join(at("pids", name), "pids.current")),
        cpuMs: wanted.includes("cpuacct") ? readNumber(join(at("cpuacct", name), "cpuacct.usage")) / 1e6 : 0,
      };
    },
    oomKills: (name) => readKey(join(at("memory", name), "memory.oom_control"), "oom_kill"),
    // force_empty alone takes ten seconds a gigabyte. After advice it drops in 0.4 s what has been written to swap,
    // but was still charged as swap cache. [measured]
    pagesOutAlone: false,
    async pageOut(name, advise) {
      await advise();
      await reclaim(join(at("memory", name), "memory.force_empty"), 0);
    },
    remove: (name) => all(name).map(removeGroup).every(Boolean),
  };
}
