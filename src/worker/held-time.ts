/**
 * How long a turn was held by approvals: that time is a person's, not the agent's, and doesn't count against the turn's
 * limit (RELIABILITY §7). Pure.
 */
import type { ApprovalRecord } from "../store/index.ts";

/** Milliseconds in which at least one connection of this turn was held, up to `now` (Redis' clock). */
export function heldMs(records: readonly ApprovalRecord[], turnId: string, now: number): number {
  const spans = records
    .filter((record) => record.turnId === turnId)
    .map(({ createdAt, holdUntil, decidedAt }) => ({
      from: createdAt,
      to: Math.min(holdUntil, decidedAt > 0 ? decidedAt : now, now),
    }))
    .filter(({ from, to }) => to > from)
    .sort((a, b) => a.from - b.from);
  let sum = 0;
  let until = 0;
  for (const { from, to } of spans) {
    sum += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}
