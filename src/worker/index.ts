/** The worker's public face: everything another component may import. */
import type { RunningWorker, WorkerOptions } from "./run-worker.ts";

export type { SandboxNow, WorkerActivity } from "./activity.ts";
export { WorkerConfig } from "./config.ts";
export type { LauncherPort } from "./launcher-port.ts";
export { type OpenStream, openStream, type StreamHandlers } from "./operator/client.ts";
export type { SandboxRow } from "./operator/methods.ts";
export type { StreamRequest } from "./operator/stream-wire.ts";
export type { RunningWorker, WorkerOptions, WorkerStore } from "./run-worker.ts";

/** The worker itself, loaded only by who runs it: commands that need its settings answer sooner. */
export async function runWorker(options: WorkerOptions): Promise<RunningWorker> {
  return (await import("./run-worker.ts")).runWorker(options);
}
