/** The worker's public face: everything another component may import. */
export type { SandboxNow, WorkerActivity } from "./activity.ts";
export { WorkerConfig } from "./config.ts";
export type { LauncherPort } from "./launcher-port.ts";
export { type OpenStream, openStream, type StreamHandlers } from "./operator/client.ts";
export type { SandboxRow } from "./operator/methods.ts";
export type { StreamRequest } from "./operator/stream-wire.ts";
export { type RunningWorker, runWorker, type WorkerOptions, type WorkerStore } from "./run-worker.ts";
