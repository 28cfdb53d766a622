/** Is this machine's clock right? Servers that were asked anyway say what time they have. */
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import type { Skew } from "./outside.ts";

/** Beyond it cards and logs show wrong times; beyond the second one certificates and signatures are refused. */
const WARN_MS = 10_000;
const FAIL_MS = 120_000;

/** Judges what the answers of other checks said. The median: one server with a wrong clock proves nothing about ours. */
export function checkClock(skews: readonly Skew[]): Finding {
  const name = "clock";
  const redis = skews.find(({ server }) => server === "redis");
  const others = skews.filter(({ server }) => server !== "redis").sort((a, b) => a.ms - b.ms);
  const fix = "switch time synchronisation on: timedatectl set-ntp true (or install chrony)";
  if (redis && Math.abs(redis.ms) > WARN_MS)
    return warn(
      name,
      `${seconds(redis.ms)} Redis's clock; leases follow Redis, logs follow ours`,
      `${fix}, on both machines`,
    );
  const middle = others[Math.floor(others.length / 2)];
  if (!middle)
    return ok(name, redis ? "as Redis's; no server outside was asked" : "no server outside was asked");
  const detail = `${seconds(middle.ms)} ${middle.server}`;
  if (Math.abs(middle.ms) > FAIL_MS) return fail(name, detail, fix);
  return Math.abs(middle.ms) > WARN_MS
    ? warn(name, detail, fix)
    : ok(name, `right to a few seconds (${middle.server})`);
}

function seconds(ms: number): string {
  return `${Math.round(Math.abs(ms) / 1_000)} s ${ms > 0 ? "ahead of" : "behind"}`;
}
