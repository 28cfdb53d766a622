/**
 * Can this machine run sandboxes? Where the process sandbox can't be had, the Docker driver is named as the way to go.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { SetupError } from "./say.mjs";

const DOCKER = [
  "Where user namespaces can't be allowed, sandboxes are made by Docker:  npm start -- --driver docker",
];
const ELSEWHERE = [
  "Sandboxes and their sockets are on this machine, so it must be Linux. Elsewhere run it inside a Linux machine:",
  "  macOS: Colima or another virtual machine; Windows: WSL2.",
];

/** Throws unless the platform is one that we run on. @param {{ driver: string }} options */
export function checkPlatform({ driver }) {
  if (process.platform !== "linux") {
    throw new SetupError(`this does not run on ${process.platform}`, ELSEWHERE);
  }
  if (process.arch !== "x64" && process.arch !== "arm64") {
    throw new SetupError(`processors of type ${process.arch} are not supported (x64 and arm64 are)`);
  }
  if (driver !== "process") return;
  const probe = spawnSync("unshare", ["-U", "true"], { encoding: "utf8" });
  if (probe.status === 0) return;
  throw new SetupError("this system does not allow user namespaces", [...whyNoUserNamespaces(), ...DOCKER]);
}

/** The usual settings that forbid user namespaces, with what undoes them. @returns {string[]} */
function whyNoUserNamespaces() {
  /** @type {[string, string, string][]} */
  const settings = [
    ["kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"],
    ["user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"],
    [
      "kernel/apparmor_restrict_unprivileged_userns",
      "1",
      "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ],
  ];
  // unshare(2): EPERM "… in a chroot environment"; a root directory that is no mount point gives a chroot away.
  const inChroot = !/^\S+ \S+ \S+ \S+ \/ /m.test(readFileSync("/proc/self/mountinfo", "utf8"));
  if (inChroot) {
    return [
      "This is a chroot, in which the kernel refuses them: enter it with systemd-nspawn, podman or pivot_root.",
    ];
  }
  return settings.flatMap(([name, bad, fix]) => {
    try {
      return readFileSync(`/proc/sys/${name}`, "utf8").trim() === bad ? [`As root:  ${fix}`] : [];
    } catch {
      return [];
    }
  });
}
