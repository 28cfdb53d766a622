/** Ids as Discord makes them: milliseconds since 2015 above 22 bits that keep them apart; they sort by time. */

/** 2015-01-01T00:00:00Z, Discord's epoch. */
export const EPOCH = 1_420_070_400_000;

let last = 0n;

/** A new id of this instant (or of `at`, ms since the Unix epoch); greater than every id that was made for now. */
export function snowflake(at?: number): string {
  const made = BigInt((at ?? Date.now()) - EPOCH) << 22n;
  if (at !== undefined) return String(made + BigInt(Math.floor(Math.random() * 4_000)));
  last = made > last ? made : last + 1n;
  return String(last);
}

/** Which shard of `count` a guild belongs to. */
export const shardOf = (guild: string, count: number): number =>
  Number((BigInt(guild) >> 22n) % BigInt(count));
