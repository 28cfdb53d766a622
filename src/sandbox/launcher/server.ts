/**
 * The launcher's three sockets. The socket is the role: each belongs to one process's user and answers only the
 * operations of that role (protocol.ts). Must never do anything that a request spells out: ids and names are looked
 * up, paths and programs are the driver's own.
 */
import { chmodSync, chownSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { describeError, Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import type { Layer, Limits, SandboxDriver, SandboxId, SandboxInfo } from "../driver.ts";
import { refuseAbove } from "./ceiling.ts";
import { handOverSocket } from "./hand-over.ts";
import { readLines } from "./lines.ts";
import { ALLOWED, LauncherRequest, type LauncherRole } from "./protocol.ts";

/** A watcher that doesn't read is cut off at this many unread bytes; it comes back and is told everything. */
const MAX_UNREAD = 4 << 20;

/** What the server serves, and to whom. */
export interface LauncherServerOptions {
  paths: Paths;
  logger: Logger;
  driver: SandboxDriver;
  layers: () => Layer[];
  /** User of each role; sockets are given to them when we are root. */
  roles: Record<LauncherRole, number>;
  /** What one sandbox may be given at most, as of now. */
  ceiling: () => Limits;
}

/** Listens until {@link LauncherServer.close}. */
export class LauncherServer {
  private readonly options: LauncherServerOptions;
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();

  constructor(options: LauncherServerOptions) {
    this.options = options;
  }

  /** Opens the three sockets. */
  async listen(): Promise<void> {
    const { workerSocket, gatewaySocket, operatorSocket } = this.options.paths.launcher;
    const paths: Record<LauncherRole, string> = {
      worker: workerSocket,
      gateway: gatewaySocket,
      operator: operatorSocket,
    };
    for (const [role, path] of Object.entries(paths) as [LauncherRole, string][]) {
      rmSync(path, { force: true }); // of a launcher that was killed
      const server = createServer((socket) => this.serve(role, socket));
      const listening = new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.once("listening", resolve);
      });
      const umask = process.umask(0o177); // a socket that is never open to others, not even for a moment
      server.listen(path);
      process.umask(umask);
      await listening;
      chmodSync(path, 0o600);
      if (process.getuid?.() === 0) chownSync(path, this.options.roles[role], this.options.roles[role]);
      this.servers.push(server);
    }
  }

  /** Closes sockets and connections. */
  close(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private serve(role: LauncherRole, socket: Socket): void {
    this.sockets.add(socket);
    let unwatch: (() => void) | undefined;
    socket.on("error", () => {});
    socket.on("close", () => {
      this.sockets.delete(socket);
      unwatch?.();
    });
    const send = (message: unknown) => {
      if (socket.destroyed) return;
      socket.write(`${JSON.stringify(message)}\n`);
      if (socket.writableLength > MAX_UNREAD) socket.destroy();
    };
    const event = (sandboxId: SandboxId, info: unknown) =>
      send({ event: "sandbox", sandboxId, info: info ?? null });
    const { driver } = this.options;
    readLines(socket, async (line) => {
      const { answer, watching } = await this.answer(role, line);
      if (watching) {
        unwatch ??= driver.onChange(event);
        for (const info of watching) event(info.id, info);
      }
      send(answer);
    });
  }

  /** `watching`: all sandboxes, when the caller is to be told of every change from now on. */
  private async answer(
    role: LauncherRole,
    line: string,
  ): Promise<{ answer: unknown; watching?: SandboxInfo[] }> {
    let id = 0;
    try {
      const raw: unknown = JSON.parse(line);
      if (typeof (raw as { id?: unknown })?.id === "number") id = (raw as { id: number }).id;
      const parsed = LauncherRequest.safeParse(raw);
      if (!parsed.success) throw new Fault({ code: "launcher-bad-request", message: parsed.error.message });
      if (!ALLOWED[role].has(parsed.data.op)) {
        throw new Fault({ code: "launcher-forbidden", message: `${role} may not ${parsed.data.op}` });
      }
      const result = await this.perform(role, parsed.data);
      if (parsed.data.op !== "watch") return { answer: { id, ok: true, result: result ?? null } };
      // The answer names all, so that a watcher that comes back knows which have gone.
      const watching = result as SandboxInfo[];
      return { answer: { id, ok: true, result: { sandboxes: watching.map((info) => info.id) } }, watching };
    } catch (error) {
      if (!(error instanceof Fault))
        this.options.logger.error({ err: error, role }, "launcher request failed");
      return { answer: { id, ok: false, error: errorFields(error) } };
    }
  }

  private async perform(role: LauncherRole, request: LauncherRequest): Promise<unknown> {
    const { driver, layers } = this.options;
    switch (request.op) {
      case "create":
        refuseAbove(request.spec.limits, this.options.ceiling());
        return driver.create(request.spec);
      case "stop":
        return driver.stop(request.sandboxId, request.reason);
      case "list":
      case "watch":
        return driver.list();
      case "layers":
        return layers();
      case "handOver":
        return this.handOver(role, request.sandboxId);
      case "programOf":
        return driver.programOf(request.sandboxId, request.port);
      default:
        return driver[request.op](request.sandboxId);
    }
  }

  private async handOver(role: LauncherRole, sandboxId: SandboxId): Promise<void> {
    const { driver, paths, roles } = this.options;
    const info = await driver.inspect(sandboxId);
    if (!info)
      throw new Fault({ code: "sandbox-unknown", message: `there is no sandbox ${sandboxId} on this host` });
    const socket = role === "gateway" ? paths.egressSocket(info.runName) : paths.controlSocket(info.runName);
    handOverSocket(socket, roles[role], info.uid);
  }
}

function errorFields(error: unknown): { code: string; message: string; hint?: string; retryable?: true } {
  if (!(error instanceof Fault)) {
    const code = error instanceof SyntaxError ? "launcher-bad-request" : "launcher-failed";
    return { code, message: describeError(error) };
  }
  const { code, message, hint, retryable } = error;
  return { code, message, ...(hint ? { hint } : {}), ...(retryable ? { retryable } : {}) };
}
