/**
 * A real systemd of a test's own: PID 1 of namespaces of its own, over this machine's files, below control groups that the
 * test makes, with no unit but those it is given. Ended by killing it, and nothing of it may be left.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
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

const READY_MS = 20_000;
const PROGRAM = "/lib/systemd/systemd";
/** What units of services pull in and what would do things to this machine: here they do nothing. */
const TARGETS = ["sysinit", "basic", "shutdown", "network-online", "multi-user", "boot"];

/** Why there can be no systemd here; undefined when there can. */
export function noSystemd(): string | undefined {
  if (process.getuid?.() !== 0) return "systemd is booted as root only";
  if (!existsSync(PROGRAM)) return "systemd is not installed";
  return undefined;
}

/** See the file's header. */
export class Systemd {
  readonly dir: string = mkdtempSync("/tmp/ncs");
  private readonly group = `nemoclaw-systemd-${process.pid}`;
  private readonly log = join(this.dir, "units.log");
  private child: ChildProcess | undefined;
  private said = "";

  /** Boots it with these units; none of them is started. `users`: for systemd-sysusers. */
  async boot(units: Readonly<Record<string, string>>, users: string): Promise<void> {
    writeFileSync(join(this.dir, "users.conf"), users);
    for (const name of ["upper", "work"]) mkdirSync(join(this.dir, name));
    const folder = join(this.dir, "units");
    mkdirSync(folder);
    for (const name of TARGETS)
      writeFileSync(join(folder, `${name}.target`), `[Unit]\nDescription=${name}\nDefaultDependencies=no\n`);
    for (const [name, text] of Object.entries(units)) writeFileSync(join(folder, name), text);
    // A drop-in for every service: what they say goes into one file.
    mkdirSync(join(folder, "service.d"));
    const log = `StandardOutput=append:${this.log}\nStandardError=inherit\n`;
    writeFileSync(join(folder, "service.d", "log.conf"), `[Service]\n${log}`);
    const inner = join(this.dir, "inner.sh");
    writeFileSync(inner, this.script(folder));
    const into = cgroupMounts().map(({ at }) => join(at, this.group));
    for (const dir of into) makeGroup(dir);
    const move = into.map((dir) => `echo $$ > ${dir}/cgroup.procs`).join("\n");
    const space = "--mount --pid --fork --uts --ipc --net --cgroup --propagation private --kill-child";
    this.child = spawn("/bin/sh", ["-c", `${move}\nexec unshare ${space} /bin/sh ${inner}`], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said = (this.said + text).slice(-4_000);
    });
    for (const until = Date.now() + READY_MS; this.state() !== "running"; await sleep(200))
      assert.ok(Date.now() < until && this.child.exitCode === null, `systemd does not boot:\n${this.said}`);
  }

  private script(units: string): string {
    const groups = cgroupMounts().map(
      ({ at, type, options }) => `mkdir -p ${at}; mount -t ${type} -o ${options} cgroup ${at}`,
    );
    const v2 = groups.length === 1 && cgroupMounts()[0]?.at === "/sys/fs/cgroup";
    return [
      "set -e",
      "mount -t proc proc /proc",
      "mount -t tmpfs tmpfs /run",
      `mkdir -p /run/units /run/lock; cp -r ${units}/* /run/units/`,
      "umount -R /sys/fs/cgroup",
      ...(v2 ? [] : ["mount -t tmpfs tmpfs /sys/fs/cgroup"]),
      ...groups,
      // Its own /etc: users are made in it.
      `mount -t overlay -o lowerdir=/etc,upperdir=${this.dir}/upper,workdir=${this.dir}/work overlay /etc`,
      `systemd-sysusers ${this.dir}/users.conf`,
      "mount -t tmpfs tmpfs /lib/systemd/system-generators",
      "mount -t tmpfs tmpfs /etc/systemd",
      "ip link set lo up",
      "export container=nemoclaw-test SYSTEMD_UNIT_PATH=/run/units",
      `exec ${PROGRAM} --system --unit=boot.target --log-target=console --default-standard-output=null`,
    ].join("\n");
  }

  /** systemd's own process, as this machine counts. */
  private get pid(): string {
    const { pid = 0 } = this.child ?? {};
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  }

  private state(): string {
    try {
      return this.run("systemctl", "is-system-running").trim();
    } catch (error) {
      return String((error as { stdout?: string }).stdout ?? "").trim();
    }
  }

  /** Runs a program beside it. @throws when it fails */
  run(...command: string[]): string {
    const into = ["-t", this.pid, ...["-m", "-p", "-n", "-i", "-u", "-C"]];
    return execFileSync("/usr/bin/nsenter", [...into, ...command], { encoding: "utf8", stdio: "pipe" });
  }

  /** `systemctl`, with what failing units say. */
  ctl(...args: string[]): string {
    try {
      return this.run("systemctl", "--no-pager", ...args);
    } catch (error) {
      const failed = spawnSync("/usr/bin/nsenter", [
        ...["-t", this.pid, "-m", "-p", "-n", "-C"],
        ...["systemctl", "--no-pager", "--full", "list-units", "--failed"],
      ]);
      throw new Error(`systemctl ${args.join(" ")}: ${error}\n${failed.stdout}\n${this.said.slice(-1_500)}`);
    }
  }

  /** The end of what the services said. */
  tail(): string {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").slice(-3_000) : "";
  }

  /** Ends everything and removes it. @throws AssertionError that names groups that are left */
  async remove(): Promise<void> {
    const { child } = this;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      // All of its PID namespace goes with it.
      process.kill(Number(this.pid), "SIGKILL");
      await gone;
    }
    const groups = cgroupMounts().map(({ at }) => join(at, this.group));
    for (let tries = 0; tries < 50 && groups.some(existsSync); tries++) {
      for (const group of groups) removeGroups(group);
      await sleep(100);
    }
    rmSync(this.dir, { recursive: true, force: true });
    assert.deepEqual(groups.filter(existsSync), [], "left behind");
  }
}

/** Mounts of control groups on this machine, to be made again as a namespace sees them. */
function cgroupMounts(): { at: string; type: string; options: string }[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [left = "", right = ""] = line.split(" - ");
      const at = left.split(" ")[4] ?? "";
      const [type = "", , options = ""] = right.split(" ");
      if (type !== "cgroup" && type !== "cgroup2") return [];
      const wanted = options.split(",").filter((word) => word !== "rw" && !word.startsWith("release_agent"));
      const named = wanted.map((word) => (word.startsWith("name=") ? `none,${word}` : word));
      return [{ at, type, options: named.join(",") || "rw" }];
    });
}

/** A group that processes can be put into; of cpuset only what has been given something to run on. */
function makeGroup(dir: string): void {
  mkdirSync(dir);
  for (const name of ["cpuset.cpus", "cpuset.mems"])
    if (existsSync(join(dir, name))) writeFileSync(join(dir, name), readFileSync(join(dir, "..", name)));
}

function removeGroups(dir: string): void {
  if (!existsSync(dir)) return;
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(dir, entry.name));
  try {
    rmdirSync(dir);
  } catch {
    // its last processes are still leaving
  }
}
