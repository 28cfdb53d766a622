/**
 * Brings a home to rest: no agent runs and none is started, until it is over. A running service goes on taking messages
 * meanwhile and answers them afterwards; without one the home's lock keeps it from being started.
 */
import { existsSync } from "node:fs";
import { Fault } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import { RestingHomes } from "../../sandbox/index.ts";
import { restControl } from "../supervisor/control.ts";
import { lockHome } from "../supervisor/home-lock.ts";

/** See the module's header. */
export interface Rest {
  /** A service runs and waits. */
  readonly service: boolean;
  /** Over: the service goes on. */
  end(): void;
}

/** @throws Fault `no-home`, `home-in-use` (a service that is just starting or ending) */
export async function bringToRest(paths: Paths, tell: (line: string) => void): Promise<Rest> {
  if (!existsSync(paths.lock))
    throw new Fault({
      code: "no-home",
      message: `there is no installation in ${paths.home}`,
      hint: "NEMOCLAW_HOME or --home says where it is",
    });
  try {
    tell("agents come to rest; messages are taken meanwhile and answered afterwards");
    const end = await restControl(paths.status);
    return { service: true, end };
  } catch (error) {
    if (!(error instanceof Fault && error.code === "not-running")) throw error;
  }
  const lock = lockHome(paths.lock);
  try {
    const ended = await new RestingHomes(paths).endAll();
    if (ended > 0) tell(`${ended} agents that still ran were ended; their files stay`);
  } catch (error) {
    lock.release();
    throw error;
  }
  return { service: false, end: () => lock.release() };
}
