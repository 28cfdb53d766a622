/** Checks of what cages need: user namespaces, Landlock, seccomp, system programs, a container runtime where chosen. */
import { type Finding, fail, ok, warn } from "./finding.ts";
import type { Host } from "./host.ts";

/** Settings that forbid user namespaces: file below /proc/sys, the forbidding value, the setting that allows them. */
const USERNS_SETTINGS = [
  ["kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"],
  ["user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"],
  [
    "kernel/apparmor_restrict_unprivileged_userns",
    "1",
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  ],
] as const;

/** Whether this user can make one: tried, not guessed. */
export async function checkUserNamespaces(host: Host): Promise<Finding> {
  const name = "user namespaces";
  const tried = await host.run("unshare", ["--user", "--map-root-user", "--net", "true"]);
  if (tried.status === 0) return ok(name, "user and network namespaces can be made");
  if (!tried.installed) return fail(name, "unshare is not installed", "apt-get install util-linux");
  // A root directory that is no mount point gives a chroot away; the kernel refuses them in one.
  if (!/^\S+ \S+ \S+ \S+ \/ /m.test(host.read("/proc/self/mountinfo") ?? " / "))
    return fail(name, "refused: this is a chroot", "enter it with systemd-nspawn, podman or pivot_root");
  const fix = USERNS_SETTINGS.find(
    ([file, forbidden]) => host.read(`/proc/sys/${file}`)?.trim() === forbidden,
  )?.[2];
  return fail(
    name,
    `refused: ${tried.stderr.trim().split("\n")[0]}`,
    fix
      ? `as root: ${fix} (or let Docker make the sandboxes: --driver docker)`
      : "inside a container allow them (podman: --security-opt seccomp=unconfined)",
  );
}

/** The kernel's Landlock ABI, asked of the kernel itself: landlock_create_ruleset(NULL, 0, VERSION) is call 444. */
export async function checkLandlock(host: Host): Promise<Finding> {
  const name = "landlock";
  const asked = await host.run("perl", ["-e", "print syscall(444, 0, 0, 1)"]);
  if (!asked.installed) return fail(name, "perl is not installed", "apt-get install perl");
  const abi = Number(asked.stdout);
  return abi >= 1
    ? ok(name, `ABI ${abi}`)
    : fail(
        name,
        "this kernel has none",
        "boot Linux 5.13 or later with landlock in the kernel parameter lsm= (see /sys/kernel/security/lsm)",
      );
}

/** Whether system calls can be filtered. */
export function checkSeccomp(host: Host): Finding {
  const name = "seccomp";
  const actions = host.read("/proc/sys/kernel/seccomp/actions_avail")?.trim().split(/\s+/) ?? [];
  return actions.includes("errno") && actions.includes("kill_process")
    ? ok(name, "filter mode")
    : fail(name, "no filter mode", "boot a kernel with CONFIG_SECCOMP_FILTER");
}

/** Program → Debian package. */
const PROGRAMS = { bwrap: "bubblewrap", perl: "perl", flock: "util-linux", setpriv: "util-linux" };

/** Programs that the process driver starts. */
export async function checkPrograms(host: Host): Promise<Finding> {
  const name = "programs";
  const found = await Promise.all(
    Object.entries(PROGRAMS).map(async ([program, pack]) => ({
      program,
      pack,
      installed: (await host.run(program, ["--version"])).installed,
    })),
  );
  const missing = found.filter(({ installed }) => !installed);
  if (missing.length === 0) return ok(name, Object.keys(PROGRAMS).join(", "));
  return fail(
    name,
    `missing: ${missing.map(({ program }) => program).join(", ")}`,
    `apt-get install ${[...new Set(missing.map(({ pack }) => pack))].join(" ")}`,
  );
}

/** Docker, needed only where sandboxes are containers. */
export async function checkContainers(host: Host, driver: string): Promise<Finding> {
  const name = "containers";
  const asked = await host.run("docker", ["version", "--format", "{{.Server.Version}}"]);
  if (asked.status === 0) return ok(name, `Docker ${asked.stdout.trim()}`);
  if (driver !== "docker") return ok(name, "no Docker; not needed: sandboxes are processes here");
  return asked.installed
    ? fail(name, "Docker does not answer", "sudo systemctl restart docker, then: docker ps")
    : fail(name, "Docker is not installed", "install it, or leave --driver docker out on Linux");
}

/** Redis: the program of the embedded one, or the operator's own by its URL. */
export async function checkRedis(host: Host, url: string | undefined): Promise<Finding> {
  const name = "redis";
  if (url !== undefined) {
    const { protocol, hostname } = new URL(url);
    const near = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
    return protocol === "rediss:" || near
      ? ok(name, `your own at ${hostname}; its durability is checked at the start`)
      : warn(name, `${hostname} is asked without TLS`, "use a rediss:// URL for a server on another machine");
  }
  const asked = await host.run("redis-server", ["--version"]);
  const version = /v=(\d+)\.(\S+)/.exec(asked.stdout);
  const install = "apt-get install redis-server (or set REDIS_URL to use another Redis)";
  if (!version) return fail(name, "redis-server is not installed", install);
  const detail = `redis-server ${version[1]}.${version[2]}`;
  return Number(version[1]) < 7 ? fail(name, `${detail} (7 the least)`, install) : ok(name, detail);
}
