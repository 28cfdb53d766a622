/**
 * Wake sets: which conversations may have work (a host's `dirty`) or undelivered answers (a bridge's `out`).
 * A mark is only ever removed by whoever proved, after reading it, that nothing is left, and only if it is unchanged.
 */
import { z } from "zod";
import type { Call, Connection } from "./connection.ts";
import { checked } from "./json.ts";

/** The keys of one wake set, and the channel that hints at its marks. */
export interface WakeSet {
  set: string;
  counter: string;
  hint: string;
}

/** The call that marks a conversation; give it to `run` or `runAll`. */
export function markCall(wake: WakeSet, conversation: string): Call {
  return ["mark", [wake.set, wake.counter], [conversation, wake.hint]];
}

/** Removes a mark that is still `mark`. */
export async function unmark(connection: Connection, wake: WakeSet, conversation: string, mark: number) {
  await connection.run("unmark", [wake.set], [conversation, String(mark)]);
}

/** This conversation's present mark, 0 if none. */
export async function markOf(connection: Connection, wake: WakeSet, conversation: string): Promise<number> {
  return Number((await connection.command((r) => r.zscore(wake.set, conversation))) ?? 0);
}

/**
 * Reads a wake set page by page: oldest mark first; when a page was full, the next call goes on after it, so that
 * long-running conversations at the front never hide those behind them.
 */
export function pager(connection: Connection, wake: WakeSet) {
  let after = "-inf";
  return async (limit: number): Promise<{ conversation: string; mark: number }[]> => {
    const read = (from: string) =>
      connection.command((r) => r.zrangebyscore(wake.set, from, "+inf", "WITHSCORES", "LIMIT", 0, limit));
    let flat = checked(z.array(z.coerce.string()), await read(after), "wake set");
    if (flat.length === 0 && after !== "-inf")
      flat = checked(z.array(z.coerce.string()), await read("-inf"), "wake set");
    const page = [];
    for (let i = 0; i + 1 < flat.length; i += 2)
      page.push({ conversation: flat[i] ?? "", mark: Number(flat[i + 1]) });
    after = page.length === limit && limit > 0 ? `(${page.at(-1)?.mark}` : "-inf";
    return page;
  };
}
