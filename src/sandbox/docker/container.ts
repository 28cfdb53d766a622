/**
 * A sandbox as Docker is asked for it. Pure. The only template there is: nothing in it comes from a caller but validated
 * ids, names and limits. Must stay a list of what is given.
 */
import { cpus } from "node:os";
import type { ContainerCreateOptions } from "dockerode";
import type { SandboxInfo } from "../driver.ts";
import { etcFiles, INSIDE } from "../host/inside.ts";

/** Labels of everything that we make, so that it can be found again and never be mistaken. */
export const LABEL = {
  /** The installation, as a digest of its home. */
  home: "ai.nemoclaw.home",
  /** `sandbox`, or `helper`: work on one home, gone when it is done. */
  role: "ai.nemoclaw.role",
  sandbox: "ai.nemoclaw.sandbox",
  boot: "ai.nemoclaw.boot",
} as const;

/** The same that the units of `nemoclaw service install` name. */
const SANDBOX_SLICE = "nemoclaw-sandboxes.slice";

/** Where the lock on the home and PID 1's output are inside; no agent can open them. */
const LOCK = "/run/nemoclaw/lock";
const LOG = "/run/nemoclaw/log";

/** Files of /etc that Docker would make from the host's. */
export const DOCKER_ETC: Readonly<Record<string, string>> = { "resolv.conf": "" };

/** Docker's own lists (daemon/oci: DefaultMaskedPaths), and all of /sys, which tells of the machine. */
const MASKED_PATHS = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys",
];
const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** What a container is made of; all paths are the host's. */
export interface ContainerParts {
  info: SandboxInfo;
  image: string;
  /** The installation's tag, see {@link LABEL}. */
  tag: string;
  /** Name in Docker. */
  containerName: string;
  home: string;
  config: string;
  egress: string;
  control: string;
  guest: string;
  runtime: string;
  lock: string;
  log: string;
  /** The seccomp profile, as the engine takes it. */
  seccomp: string;
  program: readonly string[];
  lockWaitSeconds: number;
  /** The daemon maps users; we don't want it to. */
  hostUsers: boolean;
  /** systemd makes the daemon's control groups: ours go into a slice of their own. */
  inSlice: boolean;
}

/** The request body. */
export function sandboxContainer(parts: ContainerParts): ContainerCreateOptions {
  const { info } = parts;
  const { limits } = info;
  const tmpBytes = Math.min(512 << 20, Math.floor(limits.memoryBytes / 4));
  const mount = (Source: string, Target: string, ReadOnly = true) => ({
    ...{ Type: "bind" as const, Source, Target, ReadOnly },
    BindOptions: { Propagation: "rprivate" as const, NonRecursive: true },
  });
  const etc = Object.keys({ ...etcFiles(info.name), ...DOCKER_ETC });
  return {
    name: parts.containerName,
    Image: parts.image,
    Labels: {
      [LABEL.home]: parts.tag,
      [LABEL.role]: "sandbox",
      [LABEL.sandbox]: info.id,
      [LABEL.boot]: info.bootId,
    },
    Hostname: info.name,
    User: `${info.uid}:${info.uid}`,
    WorkingDir: INSIDE.home,
    Env: [`PATH=${INSIDE.node}/bin:/usr/bin:/bin`, `HOME=${INSIDE.home}`, "LANG=C.UTF-8"],
    Entrypoint: [
      "/usr/bin/perl",
      `${INSIDE.config}/dock.pl`,
      String(parts.lockWaitSeconds),
      ...parts.program,
    ],
    Cmd: [],
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    NetworkDisabled: true,
    // A daemon that ends gives PID 1 this many seconds after SIGTERM.
    StopTimeout: 5,
    HostConfig: {
      NetworkMode: "none",
      IpcMode: "private",
      CgroupnsMode: "private",
      ...(parts.inSlice ? { CgroupParent: SANDBOX_SLICE } : {}),
      ...(parts.hostUsers ? { UsernsMode: "host" } : {}),
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true", `seccomp=${parts.seccomp}`],
      Privileged: false,
      ReadonlyRootfs: true,
      MaskedPaths: MASKED_PATHS,
      ReadonlyPaths: READONLY_PATHS,
      Mounts: [
        mount(parts.home, INSIDE.home, false),
        mount(parts.config, INSIDE.config),
        mount(parts.egress, INSIDE.egress),
        mount(parts.control, INSIDE.control),
        mount(parts.guest, INSIDE.guest),
        mount(parts.runtime, INSIDE.runtime),
        mount(parts.lock, LOCK),
        mount(parts.log, LOG, false),
        ...etc.map((file) => mount(`${parts.config}/etc/${file}`, `/etc/${file}`)),
      ],
      Tmpfs: { "/tmp": `rw,exec,nosuid,nodev,mode=1777,size=${tmpBytes}` },
      ShmSize: tmpBytes,
      Memory: limits.memoryBytes,
      // Memory and swap together: a hog can't go on in swap.
      MemorySwap: limits.memoryBytes,
      PidsLimit: limits.pids,
      // Docker refuses more than there are; the other driver takes that for what it is, no cap.
      ...(limits.cpus > 0 && limits.cpus < cpus().length ? { NanoCpus: Math.round(limits.cpus * 1e9) } : {}),
      OomKillDisable: false,
      Ulimits: [
        { Name: "core", Soft: 0, Hard: 0 },
        { Name: "nofile", Soft: 16_384, Hard: 16_384 },
        { Name: "fsize", Soft: limits.diskBytes, Hard: limits.diskBytes },
      ],
      // Ours is PID 1, reaps, and is never restarted by Docker: the worker decides.
      Init: false,
      RestartPolicy: { Name: "" },
      AutoRemove: false,
      LogConfig: { Type: "none", Config: {} },
    } as ContainerCreateOptions["HostConfig"],
  };
}
