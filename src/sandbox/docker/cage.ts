/**
 * The Docker cage: one container per life of a sandbox, made from the one template (`container.ts`), removed when the life
 * has ended. Files stay in the home, which is the host's. Containers run on without us and without the daemon's events.
 */
import { createHash } from "node:crypto";
import { chmodSync, chownSync, closeSync, constants, openSync, readFileSync } from "node:fs";
import type { Container } from "dockerode";
import { failpoint } from "../../lib/failpoints.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import type { SandboxInfo } from "../driver.ts";
import type { Cage, OtherProgram, RecordLife, Usage } from "../host/cage.ts";
import { writeConfig } from "../host/config.ts";
import { homeLocked } from "../host/faults.ts";
import { isRoot, tryLock } from "../host/files.ts";
import { logFile } from "../host/homes.ts";
import { GUEST_PROGRAM } from "../host/inside.ts";
import { isAlive, startTimeOf } from "../host/proc.ts";
import { AGENT_RULES, SANDBOX_RULES } from "../seccomp/index.ts";
import { DOCKER_ETC, LABEL, sandboxContainer } from "./container.ts";
import type { Daemon, Engine } from "./daemon.ts";
import { OomCounter } from "./events.ts";
import { statusOf, unsuitableDaemon } from "./faults.ts";
import { listGroup } from "./group.ts";
import { GroupKills } from "./podman.ts";
import { readUsage } from "./usage.ts";

/** What stays the same from start to start. */
export interface DockerContext {
  paths: Paths;
  logger: Logger;
  daemon: Daemon;
  engine: Engine;
  image: string;
  runtime: string;
  guest: string;
  bestEffort: boolean;
  /** The seccomp profile of every container: as JSON, or a file's path for Podman. */
  seccomp: string;
}

/** Names an installation in labels and container names. */
export function tagOf(paths: Paths): string {
  return createHash("sha256").update(paths.home).digest("hex").slice(0, 8);
}

const STOP_MS = 10_000;

/** See the file's header. */
export class DockerCage implements Cage {
  readonly kind = "docker";
  /** Users are the host's, one uid per principal: sockets and homes belong to them. */
  readonly namespaces: readonly string[] = ["mnt", "pid", "ipc", "uts", "net", "cgroup"];
  readonly caps: { kind: string };
  readonly pagesOutAlone = false;
  private readonly context: DockerContext;
  private readonly tag: string;
  private readonly oom: OomCounter | GroupKills;

  constructor(context: DockerContext) {
    this.context = context;
    this.tag = tagOf(context.paths);
    const podman = context.daemon.kind === "podman";
    const name = podman ? "Podman" : "Docker";
    this.caps = { kind: `${name} ${context.engine.version}, cgroup v${context.engine.cgroups}` };
    this.oom = podman ? new GroupKills() : new OomCounter(context.daemon, this.tag, context.logger);
  }

  async adopt(records: readonly SandboxInfo[]): Promise<Map<string, { pid: number; startTime: number }>> {
    const { daemon, logger } = this.context;
    const filters = { label: [`${LABEL.home}=${this.tag}`] };
    const found = await daemon.do("list containers", (docker) =>
      docker.listContainers({ all: true, filters }),
    );
    const alive = new Map<string, { pid: number; startTime: number }>();
    for (const { Id, Labels, State } of found) {
      const info = records.find(
        ({ id, bootId }) => id === Labels[LABEL.sandbox] && bootId !== "" && bootId === Labels[LABEL.boot],
      );
      const life = info && (State === "running" || State === "paused") && (await this.lifeOf(Id));
      if (life) alive.set(info.id, life);
      else {
        logger.info({ container: Id.slice(0, 12), sandboxId: Labels[LABEL.sandbox] }, "removed an orphan");
        await this.remove(Id);
      }
    }
    return alive;
  }

  async start(
    info: SandboxInfo,
    record: RecordLife,
    instead?: OtherProgram,
  ): Promise<{ ended: Promise<void> }> {
    const { paths, daemon, bestEffort } = this.context;
    const user = paths.user(info.id);
    const { program, lockWaitSeconds } = instead ?? { program: GUEST_PROGRAM, lockWaitSeconds: 0 };
    // First: nothing is written beneath a sandbox that still runs.
    ownedFile(user.lock, { owner: 0, group: info.uid }, 0o640);
    this.requireFree(user.lock, lockWaitSeconds);
    writeConfig(user.config, info, {
      bestEffort: bestEffort && instead === undefined,
      // All rules again: the profile's format can't say "no later calls", and each refusal gets its own errno.
      agentRules: [...SANDBOX_RULES, ...AGENT_RULES],
      uid: info.uid,
      etc: DOCKER_ETC,
    });
    const log = logFile(paths, info.id);
    ownedFile(log, { owner: info.uid, group: info.uid }, 0o600, constants.O_TRUNC);
    const name = this.nameOf(info.id);
    await this.remove(name);
    this.oom.forget(info.id);
    record(0, 0); // The container carries the bootId: a launcher after us finds it again.
    const container = await daemon.create(
      sandboxContainer({
        ...{ info, image: this.context.image, tag: this.tag, containerName: name },
        ...{ home: user.home, config: user.config, lock: user.lock, log, program, lockWaitSeconds },
        egress: paths.egressDir(info.runName),
        control: paths.controlDir(info.runName),
        ...{ guest: this.context.guest, runtime: this.context.runtime, seccomp: this.context.seccomp },
        hostUsers: this.context.engine.remapsUsers,
        inSlice: this.context.engine.systemd,
      }),
    );
    try {
      failpoint("launcher.start");
      await daemon.do("start a container", () => container.start());
      const life = await this.lifeOf(container.id);
      if (life) record(life.pid, life.startTime);
      else if (instead === undefined) throw await this.diedAtOnce(info, log);
    } catch (error) {
      await this.remove(container.id);
      throw error;
    }
    return { ended: waitFor(container) };
  }

  async kill({ id, pid, startTime }: SandboxInfo): Promise<void> {
    const { daemon } = this.context;
    await daemon
      .find("end a container", (docker) => docker.getContainer(this.nameOf(id)).kill())
      .catch((error) => {
        // 409: it isn't running any more.
        if (statusOf((error as Error).cause) !== 409) throw error;
      });
    for (const until = Date.now() + STOP_MS; isAlive(pid, startTime); ) {
      if (Date.now() > until) throw new Error(`container ${this.nameOf(id)} does not end`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async clean({ id }: SandboxInfo): Promise<void> {
    await this.remove(this.nameOf(id)).catch((error: unknown) =>
      this.context.logger.warn({ sandboxId: id, err: error }, "container stays until the next start"),
    );
    this.oom.forget(id);
  }

  oomKills(info: SandboxInfo): number {
    return this.oom.of(info);
  }

  async usage({ id }: SandboxInfo): Promise<Usage | undefined> {
    const { daemon } = this.context;
    return daemon.find("measure a container", async (docker) =>
      readUsage(await docker.getContainer(this.nameOf(id)).stats({ stream: false, "one-shot": true })),
    );
  }

  /** PID 1's tree is all there is: whatever is orphaned inside becomes a child of PID 1. */
  processes({ pid }: SandboxInfo): number[] | undefined {
    return listGroup(pid);
  }

  /** Swap is opened only while this runs: a hog must not go on in swap. On cgroup v1 the limit counts both together. */
  async pageOut({ id, limits }: SandboxInfo, advise: () => Promise<unknown>): Promise<void> {
    const { daemon, engine } = this.context;
    const limit = (MemorySwap: number) =>
      daemon.do("change a container's limit", (docker) =>
        docker.getContainer(this.nameOf(id)).update({ Memory: limits.memoryBytes, MemorySwap }),
      );
    if (engine.cgroups === "1") return void (await advise());
    await limit(2 * limits.memoryBytes);
    try {
      await advise();
    } finally {
      await limit(limits.memoryBytes);
    }
  }

  close(): void {
    this.oom.close();
  }

  private nameOf(id: string): string {
    return `nemoclaw-${this.tag}-${id.slice(2)}`;
  }

  /** PID 1 as this host counts; undefined when it isn't there any more. */
  private async lifeOf(container: string): Promise<{ pid: number; startTime: number } | undefined> {
    const { daemon } = this.context;
    const state = await daemon.find("look at a container", (docker) =>
      docker.getContainer(container).inspect(),
    );
    const pid = state?.State.Pid ?? 0;
    const startTime = startTimeOf(pid);
    if (!state || pid === 0) return undefined;
    if (startTime === undefined || !belongsTo(pid, state.Id)) {
      if (!(await this.stillRunning(container))) return undefined;
      throw unsuitableDaemon(
        daemon.socket,
        `starts processes that this one can't see (pid ${pid})`,
        "run the launcher on the daemon's own machine; in a container with pid: host",
      );
    }
    return { pid, startTime };
  }

  private async stillRunning(container: string): Promise<boolean> {
    const { daemon } = this.context;
    const state = await daemon.find("look at a container", (docker) =>
      docker.getContainer(container).inspect(),
    );
    return state?.State.Running === true;
  }

  private async remove(container: string): Promise<void> {
    const { daemon } = this.context;
    await daemon
      .find("remove a container", (docker) => docker.getContainer(container).remove({ force: true, v: true }))
      .catch((error) => {
        // 409: somebody else is removing it.
        if (statusOf((error as Error).cause) !== 409) throw error;
      });
  }

  /** A process sandbox of before may still run on this home: it holds the lock, and is not ours to end. */
  private requireFree(lock: string, waitSeconds: number): void {
    const fd = tryLock(lock, waitSeconds);
    if (fd === undefined) throw homeLocked(lock);
    closeSync(fd);
  }

  private async diedAtOnce(info: SandboxInfo, log: string): Promise<Error> {
    const said = readFileSync(log, "utf8").trim().split("\n").at(-1)?.slice(0, 400) ?? "";
    if (/another sandbox/.test(said)) return homeLocked(this.context.paths.user(info.id).lock);
    return unsuitableDaemon(
      this.context.daemon.socket,
      `started a sandbox that ended at once: ${said}`,
      "docker logs",
    );
  }
}

/** A file of the host that the sandbox's user may open, by a mount of its own. */
function ownedFile(path: string, ids: { owner: number; group: number }, mode: number, flags = 0): void {
  closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | flags, 0o600));
  if (isRoot) chownSync(path, ids.owner, ids.group);
  chmodSync(path, mode);
}

/** Resolves when the container has ended, or the daemon went away: then somebody looks. */
async function waitFor(container: Container): Promise<void> {
  await container.wait().catch(() => {});
}

/** Whether this is really a process of that container: a pid of another namespace might be anything here. */
function belongsTo(pid: number, container: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(container);
  } catch {
    return false;
  }
}
