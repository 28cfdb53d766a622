/**
 * What sandbox a principal gets: its profile over the worker's defaults. Pure.
 */

import type { SandboxSpec } from "../sandbox/index.ts";
import type { WorkerConfig } from "./config.ts";

/** The parts of a profile that shape a sandbox. */
export interface SandboxProfile {
  name: string;
  provider?: string | undefined;
  model?: string | undefined;
  askCommands?: boolean | undefined;
}

/** The sandbox's specification; without a profile it is named after its principal. */
export function sandboxSpec(
  principal: string,
  profile: SandboxProfile | undefined,
  defaults: WorkerConfig["profile"],
): SandboxSpec {
  const provider = profile?.provider ?? defaults.provider;
  const model = profile?.model ?? defaults.model;
  return {
    id: principal,
    name: profile?.name ?? `user-${principal.slice(2)}`,
    limits: defaults.limits,
    agent: {
      ...defaults.agent,
      model: `${provider}/${model}`,
      ...(profile?.askCommands === undefined ? {} : { askCommands: profile.askCommands }),
    },
  };
}
