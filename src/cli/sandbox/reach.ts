/**
 * One sandbox of this home as a command finds it, and how worker and launcher are asked about it. Loaded components are
 * imported when they are used: help and mistakes needn't wait for them.
 */
import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { adminCall, connectFault } from "../../lib/admin/client.ts";
import { Fault } from "../../lib/errors.ts";
import { homeFrom, type Paths, pathsOf } from "../../lib/paths.ts";
import type { LauncherClient } from "../../sandbox/index.ts";
import type { OpenStream, StreamHandlers, StreamRequest } from "../../worker/index.ts";
import { findSandbox, type KnownSandbox } from "../names/registry.ts";
import type { HomeOption } from "../policy/target.ts";

/** A sandbox and its home. */
export interface Reached extends KnownSandbox {
  paths: Paths;
}

/** @throws Fault `sandbox-unknown`, `sandbox-ambiguous` */
export function reach(name: string, options: HomeOption): Reached {
  const home = options.home ?? homeFrom(process.env);
  return { ...findSandbox(home, name), paths: pathsOf(home) };
}

/** Waking an agent may take this long. Milliseconds. */
const WAKING_MS = 90_000;

/** Asks the worker about it. @throws Fault `service-not-running` and those of the method. */
export async function askWorker<T>(sandbox: Reached, method: string, params: object = {}): Promise<T> {
  const { id, paths } = sandbox;
  await requireListening(paths.workerAdminSocket, sandbox, "the worker");
  return adminCall<T>(
    paths.workerAdminSocket,
    method,
    { sandbox: id, ...params },
    { who: "the worker", timeoutMs: WAKING_MS },
  );
}

/** Asks the launcher as the operator. @throws Fault `service-not-running` */
export async function askLauncher<T>(
  sandbox: Reached,
  question: (client: LauncherClient) => Promise<T>,
): Promise<T> {
  const { LauncherClient } = await import("../../sandbox/index.ts");
  const { paths } = sandbox;
  const client = new LauncherClient({ socket: paths.launcher.operatorSocket, timeoutMs: 60_000 });
  try {
    await requireListening(paths.launcher.operatorSocket, sandbox, "the launcher");
    return await question(client);
  } finally {
    client.close();
  }
}

/** A process that died is back within this, while its supervisor runs. Milliseconds. */
const RESTART_MS = 15_000;

/**
 * Waits until somebody listens there: a process that is being restarted is waited for, one that was never started is said
 * at once. @throws Fault `service-not-running`, `not-allowed`
 */
async function requireListening(path: string, { paths }: Reached, who: string): Promise<void> {
  for (const until = performance.now() + RESTART_MS; ; await sleep(200)) {
    const fault = await dial(path, who);
    if (!fault) return;
    const restarting = notRunning(fault) && !(await dial(paths.status, "the supervisor"));
    if (!restarting || performance.now() > until) throw fault;
  }
}

function dial(path: string, who: string): Promise<Fault | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error) => resolve(connectFault(path, who, error as NodeJS.ErrnoException)));
  });
}

/** True when a Fault says that nobody is there to be asked. */
export function notRunning(error: unknown): boolean {
  return error instanceof Fault && error.code === "service-not-running";
}

/** Opens a stream of the worker. @throws Fault `service-not-running`; what goes wrong later is in `ended`. */
export async function openWorkerStream(
  sandbox: Reached,
  request: StreamRequest,
  handlers: StreamHandlers,
): Promise<OpenStream> {
  const { openStream } = await import("../../worker/index.ts");
  await requireListening(sandbox.paths.workerSocket, sandbox, "the worker");
  return openStream(sandbox.paths.workerSocket, request, handlers);
}
