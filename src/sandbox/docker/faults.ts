/** What can be wrong with Docker, as Faults that say what, where and how to mend it. Matched here and nowhere else. */
import { Fault } from "../../lib/errors.ts";

const PROCESS_HINT = "or leave Docker out: --driver process";

/** Fields of dockerode's errors that tell them apart. */
interface DockerError extends NodeJS.ErrnoException {
  statusCode?: number;
  json?: { message?: string };
}

/** What the daemon itself said, else what kept us from asking. */
export function saidBy(error: unknown): string {
  const { json, message } = error as DockerError;
  return json?.message ?? message;
}

/** HTTP status of the daemon's answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return (error as DockerError).statusCode;
}

/** Any failure of a call to the daemon. `what` names the call, e.g. `start a container`. */
export function daemonFault(error: unknown, socket: string, what: string): Fault {
  const { code } = error as DockerError;
  if (code === "EACCES" || code === "EPERM") {
    return new Fault({
      code: "docker-no-permission",
      message: `this user may not use Docker: ${socket} is closed to it`,
      hint: `add it to the group that owns the socket (Debian: adduser USER docker, then log in again; that group is as good as root), or run as root, ${PROCESS_HINT}`,
      cause: error,
    });
  }
  if (code !== undefined && ["ENOENT", "ECONNREFUSED", "ENOTSOCK", "ECONNRESET", "EPIPE"].includes(code)) {
    return new Fault({
      code: "docker-no-daemon",
      message: `no Docker daemon answers at ${socket}${code === "ENOENT" ? " (no such file)" : ""}`,
      userMessage: "The sandbox service is not available at the moment. Please try again soon.",
      hint: `start it (systemctl start docker), or name its socket by NEMOCLAW_DOCKER_SOCKET or DOCKER_HOST=unix:///…, ${PROCESS_HINT}`,
      retryable: true,
      cause: error,
    });
  }
  return new Fault({
    code: "docker-failed",
    message: `Docker could not ${what}: ${saidBy(error)}`,
    userMessage: "Your agent's sandbox could not be started. The operator has been told.",
    retryable: (statusOf(error) ?? 0) >= 500,
    cause: error,
  });
}

/** A daemon somewhere else, or reached by another way than a socket file. */
export function remoteDaemon(address: string): Fault {
  return new Fault({
    code: "docker-remote",
    message: `DOCKER_HOST is ${address}: sandboxes need a daemon on this machine, by a unix socket`,
    hint: "unset DOCKER_HOST, or set it to unix:///path/of/docker.sock",
  });
}

/** Podman where Docker was meant, or the other way round: what they do differently is handled only when it is known. */
export function otherEngine(socket: string, found: "docker" | "podman"): Fault {
  return new Fault({
    code: "docker-other-engine",
    message: `the daemon at ${socket} is ${found === "podman" ? "Podman" : "Docker"}`,
    hint:
      found === "podman"
        ? "Podman is supported as an experiment only: say so with sandbox.docker.engine: podman (docs/docker.md)"
        : "leave sandbox.docker.engine out",
  });
}

/** An engine that lacks something we can't do without. */
export function unsuitableDaemon(socket: string, why: string, hint: string): Fault {
  return new Fault({ code: "docker-unsuitable", message: `the Docker daemon at ${socket} ${why}`, hint });
}

/** The image isn't there and can't be made here. */
export function noImage(image: string, why: string): Fault {
  return new Fault({
    code: "docker-no-image",
    message: `there is no image ${image}, and it can't be assembled from this machine: ${why}`,
    hint: `build it where images can be pulled: docker build -f docker/agent.Dockerfile -t ${image} .`,
  });
}
