/**
 * How long a turn has been working, in steps that are worth an edit. Pure.
 */

/** Before that nobody wonders. Milliseconds. */
const FIRST_MS = 15_000;

/** The elapsed time as it is shown: whole steps, 0 before the first. Milliseconds. */
export function shownElapsed(ms: number): number {
  if (ms < FIRST_MS) return 0;
  const step = ms < 120_000 ? 15_000 : ms < 600_000 ? 30_000 : 60_000;
  return Math.floor(ms / step) * step;
}
