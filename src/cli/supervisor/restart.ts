/**
 * When a process that died is started again. Pure: exits in, delay out.
 * The first restart is at once (a killed worker's turn must go on within seconds); a process that keeps dying is reported
 * as a crash loop and tried again ever more slowly, but never given up.
 */

/** This many short lives in a row are a crash loop. */
export const LOOP_EXITS = 5;
/** A process that lived at least this long starts again with a clean slate. */
export const SHORT_LIFE_MS = 60_000;
const FIRST_MS = 100;
const MAX_MS = 30_000;

/** What to do after an exit. */
export interface RestartPlan {
  delayMs: number;
  crashLoop: boolean;
  /** Short lives in a row, this one included. */
  shortLives: number;
}

/**
 * @param shortLives short lives in a row before this one
 * @param livedMs how long the process had lived
 * @param random 0 ≤ random < 1, for jitter
 */
export function planRestart(shortLives: number, livedMs: number, random: number): RestartPlan {
  const count = livedMs >= SHORT_LIFE_MS ? 1 : shortLives + 1;
  const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(count - 1, 20));
  return {
    delayMs: Math.round(ceiling * (0.5 + random / 2)),
    crashLoop: count >= LOOP_EXITS,
    shortLives: count,
  };
}
