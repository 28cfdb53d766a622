/**
 * What the worker asks of the launcher. `LauncherClient` of the sandbox component fits; tests hand in a fake.
 */
import type { SandboxInfo, SandboxSpec, SandboxStats } from "../sandbox/index.ts";

/** All calls reject with a Fault; a retryable one while the launcher is being restarted. */
export interface LauncherPort {
  create(spec: SandboxSpec): Promise<SandboxInfo>;
  start(sandboxId: string): Promise<SandboxInfo>;
  stop(sandboxId: string, reason: string): Promise<SandboxInfo>;
  park(sandboxId: string): Promise<SandboxInfo>;
  wake(sandboxId: string): Promise<SandboxInfo>;
  trim(sandboxId: string): Promise<void>;
  inspect(sandboxId: string): Promise<SandboxInfo | undefined>;
  list(): Promise<SandboxInfo[]>;
  stats(sandboxId: string): Promise<SandboxStats>;
  /** Gives this worker's control.sock of that sandbox to the sandbox's uid. */
  handOver(sandboxId: string): Promise<void>;
  killAgent(sandboxId: string): Promise<void>;
  /** Calls back with all sandboxes, then with each change, also after the launcher was restarted. */
  watch(listener: (sandboxId: string, info: SandboxInfo | undefined) => void): Promise<() => void>;
}
