/**
 * What every supervised process looks like from the outside: it starts, says facts for `status`, and ends in one of two
 * ways. One file per process beside this one wires a component to its settings.
 */
import type { Config } from "../../lib/config.ts";
import type { Logger } from "../../lib/logging.ts";
import type { ServiceSettings } from "../supervisor/messages.ts";

/** A process's work, running. */
export interface RunningService {
  /** Shown by `nemoclaw status`; asked again with every ping, so a getter may say what changed. */
  readonly facts: Record<string, string>;
  /** Ends in order: finishes or hands over what it has begun. */
  drain(): Promise<void>;
  /** Ends at once (the supervisor is gone, or in a hurry): hands over, waits for nothing. Default: `drain`. */
  leave?(): Promise<void>;
  /** Takes over what counts at once of changed settings (supervisor/reload.ts). Absent: there is nothing of it here. */
  reconfigure?(config: Config): void;
}

/** Starts a process's work; resolves when it really takes work. Rejects with a Fault that says why it can't. */
export type StartService = (settings: ServiceSettings, logger: Logger) => Promise<RunningService>;
