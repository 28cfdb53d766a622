/** The launcher's public face: run it, or speak to it. */
export { LauncherClient, type LauncherClientOptions } from "./client.ts";
export type { LauncherRole } from "./protocol.ts";
export { type LauncherOptions, type RunningLauncher, runLauncher } from "./run.ts";
