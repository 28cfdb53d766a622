/**
 * Podman's Docker-compatible API (experimental): everything in which it differs from Docker for us, and nothing else
 * does. Met with 4.3.1 (Debian 12).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerCreateOptions } from "dockerode";
import type { SandboxInfo } from "../driver.ts";
import { makeDirectory, writeAtomic } from "../host/files.ts";
import { groupOf } from "./group.ts";

/** Which engine the operator says it is. */
export type EngineName = "docker" | "podman";

/** Below every hard limit that Podman can have: it lowers its own to pid_max. `pids.max` is the real cap. */
const NPROC = 16_384;

/** The engine that answered, by what it says of itself. */
export function engineOf(version: { Components?: readonly { Name: string }[] }): EngineName {
  return version.Components?.some(({ Name }) => Name === "Podman Engine") ? "podman" : "docker";
}

/**
 * A request as Podman understands it. Without nproc it sets a limit that it may have no right to set (EPERM); masked
 * paths are not heard but as a security option.
 */
export function podmanContainer(options: ContainerCreateOptions): ContainerCreateOptions {
  const { HostConfig = {} } = options;
  const given = HostConfig.Ulimits ?? [];
  const has = (name: string) => given.some(({ Name }) => Name === name);
  const more = ["nofile", "nproc"]
    .filter((name) => !has(name))
    .map((Name) => ({ Name, Soft: NPROC, Hard: NPROC }));
  const masked = (HostConfig as { MaskedPaths?: string[] }).MaskedPaths ?? [];
  const mask = masked.length > 0 ? [`mask=${masked.join(":")}`] : [];
  const SecurityOpt = [...(HostConfig.SecurityOpt ?? []), ...mask];
  return { ...options, HostConfig: { ...HostConfig, SecurityOpt, Ulimits: [...given, ...more] } };
}

/** Where an import goes to. Podman doesn't look at `tag`, and takes it in the repository's name. */
export function podmanTarget(name: string): { repo: string } {
  return { repo: name };
}

/** A seccomp profile is named by a file of the host: Podman takes none in the request. Returns its path. */
export function podmanProfile(dir: string, profile: string): string {
  makeDirectory(dir, 0o700);
  const file = join(dir, "podman-seccomp.json");
  writeAtomic(file, profile);
  return file;
}

/**
 * Podman has no event for it, and `OOMKilled` is false after a kill: read from the control group of PID 1. What was
 * read last counts when the group is gone, so a kill that ends PID 1 itself is told as an exit.
 */
export class GroupKills {
  private readonly last = new Map<string, number>();

  of({ id, pid }: SandboxInfo): number {
    const now = readKills(pid);
    if (now !== undefined) this.last.set(id, now);
    return this.last.get(id) ?? 0;
  }

  forget(id: string): void {
    this.last.delete(id);
  }

  close(): void {
    this.last.clear();
  }
}

function readKills(pid: number): number | undefined {
  try {
    const { v, dir } = groupOf(pid, "memory");
    const file = join(dir, v === 2 ? "memory.events" : "memory.oom_control");
    const found = /^oom_kill (\d+)$/m.exec(readFileSync(file, "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined; // gone
  }
}
