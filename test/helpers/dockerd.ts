/**
 * A real Docker daemon of a test's own: own network namespace (this machine's links and firewall stay as they are), own
 * data, socket and control group parent. Ended by pid, and nothing of it may be left: that is checked, not hoped.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Docker from "dockerode";

const READY_MS = 20_000;
const END_MS = 20_000;
const CGROUPS = "/sys/fs/cgroup";

/** Why there can be no daemon here; undefined when there can. */
export function noDockerd(): string | undefined {
  if (process.getuid?.() !== 0) return "dockerd needs root";
  if (!existsSync("/usr/sbin/dockerd")) return "dockerd is not installed (Debian package docker.io)";
  return undefined;
}

/** See the file's header. */
export class Dockerd {
  readonly dir: string = mkdtempSync("/tmp/ncd");
  readonly socket: string = join(this.dir, "docker.sock");
  readonly docker: Docker = new Docker({ socketPath: this.socket });
  private readonly cgroup = `nemoclaw-dockerd-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  private readonly flags: readonly string[];
  private containerd: ChildProcess | undefined;
  private child: ChildProcess | undefined;
  private said = "";

  constructor(flags: readonly string[] = []) {
    this.flags = flags;
  }

  /** Starts the daemon (again) and waits until it answers. `liveRestore`: containers outlive it. */
  async start(liveRestore = true): Promise<void> {
    this.containerd ??= await this.startContainerd();
    const args = [
      ...["--containerd", this.containerdSocket],
      ...["--data-root", join(this.dir, "data"), "--exec-root", join(this.dir, "exec")],
      ...["--pidfile", join(this.dir, "pid"), "--host", `unix://${this.socket}`],
      ...["--storage-driver", "overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs"],
      ...["--cgroup-parent", `/${this.cgroup}`, "--bridge", "none", "--iptables=false", "--ip-forward=false"],
      ...(liveRestore ? ["--live-restore"] : []),
      ...this.flags,
    ];
    mkdirSync(join(this.dir, "data"), { recursive: true });
    chmodSync(this.dir, 0o711); // the socket's own mode says who may use it
    const script = 'ip link set lo up; exec /usr/sbin/dockerd "$@"';
    this.child = spawn("/usr/bin/unshare", ["-n", "sh", "-c", script, "sh", ...args], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: this.dir },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said = (this.said + text).slice(-2_000);
    });
    for (const until = Date.now() + READY_MS; ; ) {
      if (
        await this.docker.ping().then(
          () => true,
          () => false,
        )
      )
        return;
      assert.ok(Date.now() < until && this.child.exitCode === null, `dockerd does not answer:\n${this.said}`);
      await sleep(50);
    }
  }

  private get containerdSocket(): string {
    return join(this.dir, "containerd.sock");
  }

  /** As Debian runs it: a service of its own, which holds the containers when the daemon dies. */
  private async startContainerd(): Promise<ChildProcess> {
    const config = join(this.dir, "containerd.toml");
    writeFileSync(config, 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\nversion = 2\n');
    const places = ["--root", join(this.dir, "containerd"), "--state", join(this.dir, "state")];
    const args = ["--config", config, "--address", this.containerdSocket, ...places];
    const child = spawn("/usr/bin/unshare", ["-n", "/usr/bin/containerd", ...args], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: this.dir },
      stdio: "ignore",
      detached: true,
    });
    for (const until = Date.now() + READY_MS; !existsSync(this.containerdSocket); await sleep(20))
      assert.ok(Date.now() < until && child.exitCode === null, "containerd does not start");
    return child;
  }

  /** The daemon's process; containers and their shims are others. */
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Ends the daemon, with its containers (`SIGTERM`) or without asking (`SIGKILL`). */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await endProcess(this.child, signal);
  }

  /** Ends everything and removes it. @throws AssertionError that names whatever is left. */
  async remove(): Promise<void> {
    if (
      await this.docker.ping().then(
        () => true,
        () => false,
      )
    ) {
      for (const { Id } of await this.docker.listContainers({ all: true }))
        await this.docker.getContainer(Id).remove({ force: true, v: true });
    }
    await this.end();
    await endProcess(this.containerd, "SIGTERM");
    // A daemon that was killed leaves its mounts; one that ended in order leaves none.
    for (const mount of this.mounts().reverse()) spawnSync("/usr/bin/umount", [mount], { stdio: "ignore" });
    for (const until = Date.now() + END_MS; this.processes().length > 0; await sleep(50))
      if (Date.now() > until) break;
    const left = this.processes();
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    removeGroups(this.cgroup);
    const groups = groupsNamed(this.cgroup);
    const mounts = this.mounts();
    rmSync(this.dir, { recursive: true, force: true });
    assert.deepEqual(
      { processes: left, groups, mounts },
      { processes: [], groups: [], mounts: [] },
      "left behind",
    );
  }

  private mounts(): string[] {
    const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    return lines.map((line) => line.split(" ")[4] ?? "").filter((at) => at.startsWith(`${this.dir}/`));
  }

  /** Processes that name our folder in their command line, or run in it: daemon, containerd, shims. */
  private processes(): { pid: number; command: string }[] {
    return readdirSync("/proc").flatMap((name) => {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) return [];
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        const zombie = readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
        const ours = command.includes(this.dir) || readlinkSync(`/proc/${pid}/cwd`).startsWith(this.dir);
        return ours && !zombie ? [{ pid, command }] : [];
      } catch {
        return [];
      }
    });
  }
}

/** Ends a process that we started; one that doesn't listen is killed. */
async function endProcess(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), END_MS);
  await gone;
  clearTimeout(late);
}

function groupsNamed(name: string): string[] {
  const hierarchies = ["", ...readdirSync(CGROUPS)].map((each) => join(CGROUPS, each, name));
  return hierarchies.filter((dir) => existsSync(dir));
}

/** Removes empty groups; those of the daemon's parent are ours. */
function removeGroups(name: string): void {
  const remove = (dir: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true }))
      if (entry.isDirectory()) remove(join(dir, entry.name));
    try {
      rmdirSync(dir);
    } catch {
      // in use: `remove` reports it
    }
  };
  for (const dir of groupsNamed(name)) remove(dir);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
