/**
 * The listening sockets of this host's sandboxes: one per sandbox, bound as soon as the launcher names it, handed to
 * the sandbox's uid, closed when it is gone. After a restart all are bound again at once; what a dead gateway left is
 * replaced. Must never bind outside `run/egress/<runName>`.
 */
import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import type { Paths } from "../lib/paths.ts";
import type { EgressServer } from "./egress/proxy/index.ts";
import type { LauncherPort, SandboxSocket } from "./ports.ts";

/** A directory name, never a path. */
const RUN_NAME = /^[A-Za-z0-9_-]{8,64}$/;
const MAX_WAIT_MS = 1_000;

interface Bound {
  runName: string;
  server: EgressServer;
  /** Aborted when this socket is closed: ends the tries to hand it over. */
  closed: AbortController;
}

/** What the sockets are made of. */
export interface SocketsOptions {
  paths: Paths;
  launcher: Pick<LauncherPort, "handOver">;
  logger: Logger;
  /**
   * Puts into the sandbox's egress directory what its programs may read (trust, placeholders), before the socket is
   * there. When it throws, the socket is bound all the same: the model needs none of it.
   */
  prepare?(sandboxId: string, egressDir: string): void;
  /** Makes the server of a sandbox. */
  serve(sandboxId: string): EgressServer;
  /** Called when a sandbox is destroyed. */
  forget(sandboxId: string): void;
}

/** Keeps sockets and sandboxes in step. */
export class EgressSockets {
  readonly #options: SocketsOptions;
  readonly #bound = new Map<string, Bound>();

  constructor(options: SocketsOptions) {
    this.#options = options;
  }

  /** One report of the launcher; repeating it is harmless. */
  update(sandboxId: string, info: SandboxSocket | null): void {
    const known = this.#bound.get(sandboxId);
    if (info && known?.runName === info.runName) return;
    if (known) this.#close(sandboxId, known);
    if (!info) {
      this.#options.forget(sandboxId);
      if (known) this.#empty(known.runName);
      return;
    }
    try {
      this.#bind(sandboxId, info.runName);
    } catch (err) {
      this.#options.logger.error({ err, sandboxId }, "egress socket can't be bound");
    }
  }

  /** Sandboxes whose socket listens. */
  get listening(): string[] {
    return [...this.#bound.keys()];
  }

  /** Closes all sockets and their connections. */
  close(): void {
    for (const [id, bound] of this.#bound) this.#close(id, bound);
  }

  #bind(sandboxId: string, runName: string): void {
    if (!RUN_NAME.test(runName))
      throw new Fault({ code: "run-name-bad", message: "the launcher named a bad directory" });
    const { paths, logger } = this.#options;
    const dir = paths.egressDir(runName);
    // The launcher makes it as a rule. The sandbox's uid must get through: the name is the secret, the socket is 0600.
    if (mkdirSync(dir, { recursive: true }) !== undefined) chmodSync(dir, 0o711);
    try {
      this.#options.prepare?.(sandboxId, dir);
    } catch (err) {
      logger.error({ err, sandboxId }, "trust of the sandbox not written: inspected TLS will fail there");
    }
    const path = paths.egressSocket(runName);
    rmSync(path, { force: true });
    const server = this.#options.serve(sandboxId);
    const bound: Bound = { runName, server, closed: new AbortController() };
    server.on("error", (err) => logger.error({ err, sandboxId }, "egress socket failed"));
    // Unix sockets are bound within listen(): nothing else can be created under this umask.
    const umask = process.umask(0o177);
    try {
      server.listen(path);
    } finally {
      process.umask(umask);
    }
    this.#bound.set(sandboxId, bound);
    void this.#handOver(sandboxId, bound);
  }

  /** Until it works: without it the guest can't dial. */
  async #handOver(sandboxId: string, bound: Bound): Promise<void> {
    const { launcher, logger } = this.#options;
    for (let wait = 50; !bound.closed.signal.aborted; wait = Math.min(wait * 2, MAX_WAIT_MS)) {
      try {
        await launcher.handOver(sandboxId);
        return;
      } catch (err) {
        logger.warn({ err, sandboxId }, "egress socket not handed over yet");
        await sleep(wait);
      }
    }
  }

  /** The directory itself is the launcher's to remove. */
  #empty(runName: string): void {
    const dir = this.#options.paths.egressDir(runName);
    try {
      for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true });
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== "ENOENT")
        this.#options.logger.warn({ err, runName }, "a destroyed sandbox's directory isn't empty");
    }
  }

  #close(sandboxId: string, bound: Bound): void {
    this.#bound.delete(sandboxId);
    bound.closed.abort();
    bound.server.close();
    bound.server.closeAllConnections();
  }
}
