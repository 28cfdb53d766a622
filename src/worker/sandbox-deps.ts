/** What a worker's sandboxes are made of. */
import type { Logger } from "../lib/logging.ts";
import type { Paths } from "../lib/paths.ts";
import type { SandboxSpec } from "../sandbox/index.ts";
import type { TurnContextPort } from "../store/index.ts";
import type { Activity } from "./activity.ts";
import type { ColdGate } from "./cold-gate.ts";
import type { ControlHub } from "./control/hub.ts";
import type { LauncherPort } from "./launcher-port.ts";

/** What all sandboxes of a worker share. */
export interface SandboxDeps {
  log: Logger;
  paths: Paths;
  hub: ControlHub;
  launcher: LauncherPort;
  contexts: TurnContextPort;
  gate: ColdGate;
  mode: "warm" | "oneshot";
  activity: Activity;
  specOf(principal: string): Promise<SandboxSpec>;
  /** The operator has switched it off: nothing but the operator wakes it. */
  isOff(sandboxId: string): boolean;
  /** Resolves when one more agent fits into memory. */
  makeRoom(forTurn: () => boolean): Promise<void>;
}
