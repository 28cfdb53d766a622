/**
 * The connection to the Docker daemon: where its socket is, whether the engine will do, and calls whose failures are
 * Faults. Docker's socket is root: only the launcher's process ever opens it.
 */
import Docker, { type Container, type ContainerCreateOptions } from "dockerode";
import type { Fault } from "../../lib/errors.ts";
import { daemonFault, otherEngine, remoteDaemon, statusOf, unsuitableDaemon } from "./faults.ts";
import { type EngineName, engineOf, podmanContainer } from "./podman.ts";

/**
 * Minor version of the API that we speak, Docker 20.10's: older ones lack private control group namespaces and errno in
 * seccomp profiles. Newer engines drop old versions (29: what is below 1.44): then the oldest that they still speak.
 */
const MIN_API = 41;
const DEFAULT_SOCKET = "/var/run/docker.sock";

/** What of `docker info` matters here. */
export interface Engine {
  version: string;
  cgroups: "1" | "2";
  /** The daemon maps users of containers: ours ask for the host's. */
  remapsUsers: boolean;
  liveRestore: boolean;
  /** systemd makes its containers' control groups, in a slice. */
  systemd: boolean;
}

/** The socket's path from what was configured (a path, or a URL as in DOCKER_HOST). @throws Fault `docker-remote` */
export function socketPath(configured: string | undefined): string {
  const path = configured?.replace(/^unix:\/\//, "") || DEFAULT_SOCKET;
  if (!path.startsWith("/")) throw remoteDaemon(path);
  return path;
}

/** See the file's header. */
export class Daemon {
  readonly socket: string;
  docker: Docker;
  /** What the operator says that it is; {@link inspect} checks it. */
  readonly kind: EngineName;

  constructor(socket: string, kind: EngineName = "docker") {
    this.socket = socket;
    this.kind = kind;
    this.docker = new Docker({ socketPath: socket });
  }

  /** Asks the engine what it is. @throws Fault `docker-…` when it is away, closed to us, or will not do. */
  async inspect(): Promise<Engine> {
    const version = await this.do("say its version", (docker) => docker.version());
    const kind = engineOf(version);
    if (kind !== this.kind) throw otherEngine(this.socket, kind);
    if (minorOf(version.ApiVersion) < MIN_API) {
      throw this.unsuitable(
        `is version ${version.Version}, which is too old`,
        "Docker 20.10 or later is needed",
      );
    }
    if (version.Os !== "linux")
      throw this.unsuitable(`runs ${version.Os} containers`, "it must run Linux containers");
    const api = Math.max(MIN_API, minorOf(version.MinAPIVersion));
    this.docker = new Docker({ socketPath: this.socket, version: `v1.${api}` });
    const info = await this.do("describe itself", (docker) => docker.info());
    const security = (info.SecurityOptions as string[] | null) ?? [];
    const has = (name: string) => security.some((option) => option.includes(`name=${name}`));
    if (has("rootless")) {
      throw this.unsuitable(
        "is rootless: it maps users, so sandboxes can't own their files and sockets",
        "use a daemon that runs as root, or --driver process, which needs no root at all",
      );
    }
    if (!has("seccomp")) throw this.unsuitable("has no seccomp", "a kernel with CONFIG_SECCOMP_FILTER");
    return {
      version: version.Version,
      cgroups: info.CgroupVersion === "2" ? "2" : "1",
      remapsUsers: has("userns"),
      liveRestore: info.LiveRestoreEnabled === true,
      systemd: info.CgroupDriver === "systemd",
    };
  }

  /** One call. `what` completes "Docker could not …". */
  async do<T>(what: string, call: (docker: Docker) => Promise<T>): Promise<T> {
    try {
      return await call(this.docker);
    } catch (error) {
      throw daemonFault(error, this.socket, what);
    }
  }

  /** The same, undefined when the daemon knows no such thing. */
  async find<T>(what: string, call: (docker: Docker) => Promise<T>): Promise<T | undefined> {
    try {
      return await call(this.docker);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw daemonFault(error, this.socket, what);
    }
  }

  /** Makes a container. */
  create(options: ContainerCreateOptions): Promise<Container> {
    const asked = this.kind === "podman" ? podmanContainer(options) : options;
    return this.do("make a container", (docker) => docker.createContainer(asked));
  }

  private unsuitable(why: string, hint: string): Fault {
    return unsuitableDaemon(this.socket, why, hint);
  }
}

/** `1.44` → 44; what an engine doesn't say is 0. */
function minorOf(api: string | undefined): number {
  return Number(api?.split(".")[1] ?? 0);
}
