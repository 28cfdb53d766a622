/**
 * Brings one sandbox to rest while the host works on its home, and lets it be woken again. A running service keeps it
 * stopped meanwhile; without one the home's lock keeps a service from being started.
 */
import { Fault } from "../../lib/errors.ts";
import type { RestingHomes } from "../../sandbox/index.ts";
import type { SandboxRow } from "../../worker/index.ts";
import { lockHome } from "../supervisor/home-lock.ts";
import { askWorker, notRunning, type Reached } from "./reach.ts";

/** Does `work` while nothing of the sandbox runs. @throws Fault `sandbox-alive`, `no-files`, `home-in-use` */
export async function atRest<T>(sandbox: Reached, work: (homes: RestingHomes) => Promise<T>): Promise<T> {
  const { RestingHomes } = await import("../../sandbox/index.ts");
  const homes = new RestingHomes(sandbox.paths);
  if (!homes.principals().includes(sandbox.id))
    throw new Fault({
      code: "no-files",
      message: `${sandbox.name} has no files yet`,
      hint: `nemoclaw ${sandbox.name} start makes them`,
    });
  const over = await stopped(sandbox);
  try {
    return await work(homes);
  } finally {
    await over();
  }
}

/** Stops it; returns what undoes that. One that the operator had stopped before stays so. */
async function stopped(sandbox: Reached): Promise<() => Promise<unknown>> {
  try {
    const before = await askWorker<SandboxRow | null>(sandbox, "sandbox.show");
    await askWorker(sandbox, "sandbox.stop");
    return async () => before?.off || askWorker(sandbox, "sandbox.forget");
  } catch (error) {
    if (!notRunning(error)) throw error;
    const lock = lockHome(sandbox.paths.lock);
    return async () => lock.release();
  }
}
