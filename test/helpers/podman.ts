/**
 * A real Podman service of a test's own, as root: own network namespace, own storage, settings and socket; runc, because
 * Debian's crun refuses mixed control groups. Ended by pid, and nothing of it may be left: that is checked, not hoped.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";

const READY_MS = 20_000;
const END_MS = 20_000;
const CGROUPS = "/sys/fs/cgroup";
/** Where Podman puts containers when no systemd runs. */
const PARENT = "libpod_parent";

/** Why there can be no Podman here; undefined when there can. */
export function noPodman(): string | undefined {
  if (process.getuid?.() !== 0) return "Podman's service is tried as root only";
  for (const [file, pack] of [
    ["/usr/bin/podman", "podman"],
    ["/usr/sbin/runc", "runc"],
    ["/usr/bin/conmon", "conmon"],
  ] as const)
    if (!existsSync(file)) return `${file} is not installed (Debian package ${pack})`;
  return undefined;
}

/** See the file's header. */
export class Podman {
  readonly dir: string = mkdtempSync("/tmp/ncp");
  readonly socket: string = join(this.dir, "podman.sock");
  readonly docker: Docker = new Docker({ socketPath: this.socket });
  private readonly group: number;
  private readonly hadParent = groups().length > 0;
  private child: ChildProcess | undefined;
  private said = "";

  /** `group` may use the socket. */
  constructor(group: number) {
    this.group = group;
  }

  /** Starts the service (again) and waits until it answers. */
  async start(): Promise<void> {
    chmodSync(this.dir, 0o711);
    const at = (name: string) => join(this.dir, name);
    for (const name of ["root", "run", "tmp"]) mkdirSync(at(name), { recursive: true });
    // Without default_ulimits Podman asks for more than a root without CAP_SYS_RESOURCE may have.
    writeFileSync(
      at("containers.conf"),
      '[containers]\ndefault_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]\n[engine]\nevents_logger = "file"\n',
    );
    writeFileSync(
      at("storage.conf"),
      `[storage]\ndriver = "overlay"\ngraphroot = "${at("root")}"\nrunroot = "${at("run")}"\n`,
    );
    const places = ["--root", at("root"), "--runroot", at("run"), "--tmpdir", at("tmp")];
    const how = ["--cgroup-manager", "cgroupfs", "--runtime", "runc"];
    const service = ["system", "service", "--time", "0", `unix://${this.socket}`];
    const script = 'ip link set lo up; exec /usr/bin/podman "$@"';
    rmSync(this.socket, { force: true });
    this.child = spawn("/usr/bin/unshare", ["-n", "sh", "-c", script, "sh", ...places, ...how, ...service], {
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: this.dir,
        CONTAINERS_CONF: at("containers.conf"),
        CONTAINERS_STORAGE_CONF: at("storage.conf"),
      },
      cwd: this.dir, // its monitors leave a file `oom` where they run
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said = (this.said + text).slice(-2_000);
    });
    for (const until = Date.now() + READY_MS; !(await this.answers()); await sleep(50))
      assert.ok(Date.now() < until && this.child.exitCode === null, `podman does not answer:\n${this.said}`);
    chownSync(this.socket, 0, this.group);
    chmodSync(this.socket, 0o660);
  }

  private answers(): Promise<boolean> {
    return this.docker.ping().then(
      () => true,
      () => false,
    );
  }

  /** Ends the service; containers are held by their monitors and go on. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await gone;
    clearTimeout(late);
  }

  /** Ends everything and removes it. @throws AssertionError that names whatever is left. */
  async remove(): Promise<void> {
    if (await this.answers())
      for (const { Id } of await this.docker.listContainers({ all: true }))
        await this.docker.getContainer(Id).remove({ force: true, v: true });
    await this.end();
    for (const mount of this.mounts().reverse()) spawnSync("/usr/bin/umount", [mount], { stdio: "ignore" });
    for (const until = Date.now() + END_MS; this.processes().length > 0 && Date.now() < until; )
      await sleep(50);
    const processes = this.processes();
    if (!this.hadParent) for (const group of groups()) removeEmpty(group);
    const left = this.hadParent ? [] : groups();
    const mounts = this.mounts();
    rmSync(this.dir, { recursive: true, force: true });
    assert.deepEqual(
      { processes, groups: left, mounts },
      { processes: [], groups: [], mounts: [] },
      "left behind",
    );
  }

  private mounts(): string[] {
    const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    return lines.map((line) => line.split(" ")[4] ?? "").filter((at) => at.startsWith(`${this.dir}/`));
  }

  /** Processes that name our folder: the service, and the monitors of containers. */
  private processes(): string[] {
    return readdirSync("/proc").flatMap((name) => {
      if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return command.includes(this.dir) ? [`${name} ${command}`] : [];
      } catch {
        return [];
      }
    });
  }
}

function groups(): string[] {
  return ["", ...readdirSync(CGROUPS)].map((each) => join(CGROUPS, each, PARENT)).filter(existsSync);
}

/** Removes groups that hold no process; the others are reported. */
function removeEmpty(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmpty(join(dir, entry.name));
  try {
    rmdirSync(dir);
  } catch {
    // in use
  }
}
