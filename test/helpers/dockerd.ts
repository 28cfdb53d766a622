/**
 * A real Docker daemon of a test's own: own network namespace (this machine's links and firewall stay as they are), own
 * mounts, data, socket and control group parent. Ended by pid, and nothing of it may be left: that is checked, not hoped.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
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
  private child: ChildProcess | undefined;
  private said = "";

  constructor(flags: readonly string[] = []) {
    this.flags = flags;
  }

  /** Starts the daemon (again) and waits until it answers. */
  async start(): Promise<void> {
    const args = [
      ...["--data-root", join(this.dir, "data"), "--exec-root", join(this.dir, "exec")],
      ...["--pidfile", join(this.dir, "pid"), "--host", `unix://${this.socket}`, "--group", "root"],
      ...["--storage-driver", "overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs"],
      ...["--cgroup-parent", `/${this.cgroup}`, "--bridge", "none", "--iptables=false", "--ip-forward=false"],
      ...this.flags,
    ];
    mkdirSync(join(this.dir, "data"), { recursive: true });
    const script = 'ip link set lo up; exec /usr/sbin/dockerd "$@"';
    this.child = spawn("/usr/bin/unshare", ["-n", "-m", "sh", "-c", script, "sh", ...args], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: this.dir },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said = (this.said + text).slice(-8_000);
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

  /** The daemon's process; containers and their shims are others. */
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Ends the daemon, with its containers (`SIGTERM`) or without asking (`SIGKILL`). */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await gone;
    clearTimeout(late);
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
    for (const until = Date.now() + END_MS; this.processes().length > 0; await sleep(50))
      if (Date.now() > until) break;
    const left = this.processes();
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    removeGroups(this.cgroup);
    const groups = groupsNamed(this.cgroup);
    const mounts = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(this.dir));
    rmSync(this.dir, { recursive: true, force: true });
    assert.deepEqual(
      { processes: left, groups, mounts },
      { processes: [], groups: [], mounts: [] },
      "left behind",
    );
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
