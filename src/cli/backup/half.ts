/** A restore that was cut off leaves a mark: such a home is never started, and the next restore begins by clearing it. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";

const markOf = (home: string) => join(home, "restoring");

/** From here on the home holds half a restore. */
export function markHalf(home: string): void {
  writeFileSync(markOf(home), new Date().toISOString(), { mode: 0o600 });
}

/** The restore is complete. */
export function markWhole(home: string): void {
  rmSync(markOf(home), { force: true });
}

/** Whether a restore was cut off here. */
export function isHalf(home: string): boolean {
  return existsSync(markOf(home));
}

/** @throws Fault `home-half-restored` */
export function requireWhole(home: string): void {
  if (!isHalf(home)) return;
  throw new Fault({
    code: "home-half-restored",
    message: `a restore into ${home} was cut off: what is there is incomplete`,
    hint: "run the same nemoclaw restore again; it begins anew",
  });
}
