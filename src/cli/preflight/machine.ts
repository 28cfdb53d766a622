/** Checks of the machine itself: system, memory, disk, Node. Pure but for what they ask of the host. */
import { type Finding, fail, ok, warn } from "./finding.ts";
import type { Host } from "./host.ts";

const GB = 1024 ** 3;
const gigabytes = (bytes: number) => `${(bytes / GB).toFixed(1)} GB`;

/** Distribution, its version, the processor. */
export function checkSystem(host: Host): Finding {
  const name = "system";
  if (host.platform !== "linux") {
    const what = host.platform === "darwin" ? "macOS" : host.platform;
    return fail(
      name,
      `${what} (${host.arch})`,
      "run it inside a Linux machine: Colima on macOS, WSL2 on Windows",
    );
  }
  if (host.arch !== "x64" && host.arch !== "arm64")
    return fail(name, `processor ${host.arch}`, "use a machine with an x64 or arm64 processor");
  const release = host.read("/etc/os-release") ?? "";
  const pretty = /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(release)?.[1] ?? "Linux";
  const wsl = /microsoft/i.test(host.kernel) ? ", WSL2" : "";
  const detail = `${pretty}, kernel ${host.kernel.split("-")[0]}, ${host.arch}${wsl}`;
  const [major = 0, minor = 0] = host.kernel.split(".").map(Number);
  if (major < 5 || (major === 5 && minor < 13))
    return fail(name, detail, "Landlock needs Linux 5.13 or later: Ubuntu 22.04, Debian 12 or newer");
  return ok(name, detail);
}

/** RAM and swap, with the guide's advice: 16 GB recommended, 8 GB + 8 GB swap the least. */
export function checkMemory(host: Host): Finding {
  const name = "memory";
  const info = host.read("/proc/meminfo");
  const kilobytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(info ?? "")?.[1] ?? 0);
  const total = kilobytes("MemTotal") * 1024;
  const swap = kilobytes("SwapTotal") * 1024;
  if (total === 0) return warn(name, "unknown", "/proc/meminfo can't be read: is /proc mounted?");
  const detail = `${gigabytes(total)} RAM, ${gigabytes(swap)} swap`;
  const addSwap =
    "add 8 GB of swap: sudo fallocate -l 8G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile && sudo swapon /swapfile";
  // A machine sold as 8 GB shows less: firmware and kernel take their share.
  if (total + swap < 1.8 * GB)
    return fail(name, detail, `an agent needs about 1 GB, its start more; ${addSwap}`);
  if (total < 7.5 * GB && total + swap < 15 * GB)
    return warn(name, `${detail} (16 GB recommended, 8 GB + 8 GB swap the least)`, addSwap);
  return ok(name, detail);
}

/** Free space where the home lies. */
export function checkDisk(host: Host, home: string): Finding {
  const name = "disk";
  const free = host.freeBytes(home);
  if (free === undefined) return fail(name, `unknown at ${home}`, "choose another NEMOCLAW_HOME");
  const detail = `${gigabytes(free)} free at ${home}`;
  const fix = "free some space, or choose a NEMOCLAW_HOME on a larger disk";
  if (free < 2 * GB) return fail(name, `${detail} (2 GB the least)`, fix);
  return free < 10 * GB ? warn(name, `${detail} (40 GB recommended)`, fix) : ok(name, detail);
}

/** Our own Node, and the npm that installs the agent's runtime. */
export async function checkNode(host: Host): Promise<Finding> {
  const name = "node";
  const [major = 0, minor = 0] = host.node.split(".").map(Number);
  if (major < 24 || (major === 24 && minor < 16))
    return fail(name, `Node ${host.node}`, "the agent needs Node 24.16: run npm install in this folder");
  const npm = await host.run("npm", ["--version"]);
  if (npm.status !== 0)
    return fail(name, `Node ${host.node}, no npm`, "install npm 10 or newer: apt-get install npm");
  const detail = `Node ${host.node}, npm ${npm.stdout.trim()}`;
  return Number.parseInt(npm.stdout, 10) < 10
    ? warn(name, detail, "npm 10 or newer is recommended: npm install --global npm")
    : ok(name, detail);
}
