/**
 * Memory, pids and cpu limits by control groups: finds out which kind this host has and where we may make groups.
 * One group per sandbox below `nemoclaw/<installation>`. Must never touch a group that it didn't make.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Limits } from "../driver.ts";
import { isRoot } from "../host/files.ts";
import type { Cgroups } from "./cgroup-group.ts";
import { cgroupV1 } from "./cgroup-v1.ts";
import { cgroupV2 } from "./cgroup-v2.ts";

/** Where to look; tests give directories of their own. */
export interface CgroupOptions {
  /** The installation's home, to keep several on one machine apart. */
  home: string;
  /** Group that was delegated to us, relative to the hierarchies' roots (`NEMOCLAW_CGROUP`). */
  delegated?: string | undefined;
  mountinfo?: string;
}

/** The control groups that can be used here, or why there are none. */
export function findCgroups(options: CgroupOptions): Cgroups | { missing: string } {
  const found = lookForCgroups(options);
  return "missing" in found ? found : tryOut(found);
}

function lookForCgroups(options: CgroupOptions): Cgroups | { missing: string } {
  if (!isRoot && !options.delegated) {
    return { missing: "an ordinary user needs a delegated control group (NEMOCLAW_CGROUP)" };
  }
  const tag = createHash("sha256").update(options.home).digest("hex").slice(0, 8);
  const base = join(options.delegated ?? "nemoclaw", tag);
  const mounts = readMounts(options.mountinfo ?? readFileSync("/proc/self/mountinfo", "utf8"));
  try {
    const unified = mounts.v2 && readWords(join(mounts.v2, "cgroup.controllers"));
    if (mounts.v2 && unified?.includes("memory") && unified.includes("pids"))
      return cgroupV2(mounts.v2, base);
    if (mounts.v1.has("memory") && mounts.v1.has("pids"))
      return cgroupV1(mounts.v1, base, trackersOf(mounts, options.delegated));
    return { missing: "this kernel offers no memory and pids controllers" };
  } catch (error) {
    return { missing: `control groups can't be made: ${(error as Error).message}` };
  }
}

/** Hierarchies in which systemd made the delegated group too: a sandbox has to leave the launcher's unit there as well. */
function trackersOf({ v1, v2 }: ReturnType<typeof readMounts>, delegated: string | undefined): string[] {
  if (delegated === undefined || !isRoot) return [];
  const mounts = [v1.get("name=systemd"), v2].filter((mount) => mount !== undefined);
  return mounts.filter((mount) => existsSync(join(mount, delegated)));
}

/** Making a group says little: rights are checked when a process is moved. So one is. */
function tryOut(cgroups: Cgroups): Cgroups | { missing: string } {
  const name = `check-${process.pid}`;
  const child = spawn("/usr/bin/sleep", ["60"], { env: {}, stdio: "ignore" });
  child.on("error", () => {});
  try {
    cgroups.create(name, Limits.parse({}));
    cgroups.add(name, child.pid ?? 0);
    return cgroups;
  } catch (error) {
    return { missing: `${cgroups.kind} can't be used: ${(error as Error).message}` };
  } finally {
    child.once("exit", () => cgroups.remove(name));
    child.kill("SIGKILL");
  }
}

/** Mount points of cgroup file systems: v1 by controller, and v2. */
function readMounts(mountinfo: string): { v1: Map<string, string>; v2: string | undefined } {
  const v1 = new Map<string, string>();
  let v2: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const [left, right] = line.split(" - ");
    const path = left?.split(" ")[4];
    const [type, , options] = right?.split(" ") ?? [];
    if (!path) continue;
    if (type === "cgroup2") v2 ??= path;
    if (type === "cgroup")
      for (const name of options?.split(",") ?? []) if (!v1.has(name)) v1.set(name, path);
  }
  return { v1, v2 };
}

function readWords(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").trim().split(/\s+/) : [];
}
