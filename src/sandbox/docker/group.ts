/** A container's control group, found by a process of it: what the engine doesn't tell is read there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Folder of the group that counts `controller` for this process, and its version. Throws when the process is gone. */
export function groupOf(pid: number, controller: "memory" | "pids"): { v: 1 | 2; dir: string } {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const at = (wanted: (controllers: string) => boolean) =>
    lines.map((line) => line.split(":")).find(([, controllers = ""]) => wanted(controllers))?.[2];
  const v1 = at((controllers) => controllers.split(",").includes(controller));
  return v1 === undefined
    ? { v: 2, dir: join("/sys/fs/cgroup", at((controllers) => controllers === "") ?? "") }
    : { v: 1, dir: join("/sys/fs/cgroup", controller, v1) };
}

/** All processes of the container that `pid` belongs to; undefined where they can't be listed. */
export function listGroup(pid: number): number[] | undefined {
  try {
    const listed = readFileSync(join(groupOf(pid, "pids").dir, "cgroup.procs"), "utf8");
    const pids = listed.split("\n").filter(Boolean).map(Number);
    // Neither a group that isn't seen from here, nor one that the container shares with us.
    return pids.includes(pid) && !pids.includes(process.pid) ? pids : undefined;
  } catch {
    return undefined;
  }
}
