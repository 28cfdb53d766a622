/** Waits that grow: 0.5 s doubled per failure up to 30 s, with jitter so that many lanes don't retry at once. Pure. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const base = Math.min(30_000, 500 * 2 ** Math.min(failures, 10));
  return Math.round(base * (0.75 + random() * 0.5));
}
