/** Docker's statistics as ours. Pure. */
import type { ContainerStats } from "dockerode";
import type { Usage } from "../host/cage.ts";

/** Page cache that can be dropped at once doesn't count, as in `docker stats` (v1 and v2 name it differently). */
export function readUsage(stats: ContainerStats): Usage {
  const memory = stats.memory_stats as { usage?: number; stats?: Record<string, number> };
  const inactive = memory.stats?.["total_inactive_file"] ?? memory.stats?.["inactive_file"] ?? 0;
  return {
    memoryBytes: Math.max(0, (memory.usage ?? 0) - inactive),
    swapBytes: memory.stats?.["total_swap"] ?? memory.stats?.["swap"] ?? 0,
    pids: stats.pids_stats?.current ?? 0,
    cpuMs: stats.cpu_stats.cpu_usage.total_usage / 1e6,
  };
}
