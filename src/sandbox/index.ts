/** Sandboxes, for the rest of the project: what they are, who makes them, how to ask for them. */
export { RestingHomes } from "./at-rest/index.ts";
export {
  type Blueprint,
  type EnsureRuntime,
  ensureRuntime,
  inspectRuntime,
  type Runtime,
  type RuntimeState,
  resolveBlueprint,
} from "./blueprint/index.ts";
export { agentImage } from "./docker/image-name.ts";
export {
  AgentSpec,
  type Layer,
  Limits,
  type SandboxDriver,
  SandboxId,
  SandboxInfo,
  SandboxSpec,
  type SandboxState,
  type SandboxStats,
} from "./driver.ts";
export {
  type AgentState,
  type CommandDecision,
  EXEC_CHUNK,
  EXEC_WINDOW,
  type ExecSignal,
  FILE_CHUNK,
  type FileChange,
  type FromGuest,
  type GuestFile,
  type GuestTurn,
  type ToGuest,
  type Transcript,
  type TurnEvent,
} from "./guest/protocol.ts";
export { type Compatibility, judgeLayers } from "./host/layers.ts";
export {
  LauncherClient,
  type LauncherClientOptions,
  type LauncherOptions,
  type LauncherRole,
  type RunningLauncher,
  runLauncher,
} from "./launcher/index.ts";
export { type HostLimits, hostLimits } from "./process/index.ts";

/** Assembles the image of Docker's sandboxes from this machine's packages. @throws Fault `docker-…` */
export async function buildAgentImage(
  daemon: { socket?: string | undefined; engine?: "docker" | "podman" },
  name: string,
  node: string,
): Promise<{ name: string; bytes: number }> {
  return (await import("./docker/index.ts")).buildImage(daemon, name, node);
}
