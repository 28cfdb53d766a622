/**
 * Facts of a platform that is listened to by sockets: how far each channel was read, and which process listens to which
 * shard. Unlike Telegram, such a platform remembers nothing for us.
 */
import { z } from "zod";
import type { Connection } from "./connection.ts";
import { parsed } from "./json.ts";
import { keys } from "./keys.ts";

/** How far a channel was read. */
export interface Watermark {
  /** The highest message id below which everything is stored. */
  id: string;
  /** The guild it belongs to, or empty. */
  place: string;
}

/** Facts of a platform that is listened to by sockets. */
export interface SocketPort {
  /** By channel. */
  watermarks(): Promise<Map<string, Watermark>>;
  /** Never goes back. `keepFrom`: when there are too many channels, those below this id are forgotten. */
  advance(marks: readonly (Watermark & { channel: string })[], keepFrom: string): Promise<void>;
  /**
   * Renews and takes shards; returns those that the owner holds now, at most its fair share, and who takes part.
   * `ttlMs` 0 gives all back. `dead`: owners that are known to be dead, whose leases end at once.
   */
  holdShards(
    owner: string,
    total: number,
    ttlMs: number,
    dead?: readonly string[],
  ): Promise<{ shards: number[]; members: string[] }>;
  /** True when this process may identify now: one in `ms` per concurrency bucket, over all processes. */
  mayIdentify(bucket: number, owner: string, ms: number): Promise<boolean>;
}

/** Channels whose place is remembered; beyond that those are forgotten in which nothing was read for long. */
const MOST_CHANNELS = 10_000;
const Held = z.object({ shards: z.string(), members: z.string() });
const words = (text: string) => text.split(" ").filter(Boolean);

/** The facts of one bridge. */
export function sockets(connection: Connection, id: string): SocketPort {
  const k = keys.bridge;
  return {
    async watermarks() {
      const all = await connection.command((r) => r.hgetall(k.watermarks(id)));
      return new Map(
        Object.entries(all).map(([channel, text]) => {
          const [mark = "0", place = ""] = text.split(":");
          return [channel, { id: mark, place }];
        }),
      );
    },
    async advance(marks, keepFrom) {
      const list = marks.flatMap(({ channel, id: mark, place }) => [channel, mark, place]);
      if (list.length > 0)
        await connection.run("watermark", [k.watermarks(id)], [MOST_CHANNELS, keepFrom, ...list]);
    },
    async holdShards(owner, total, ttlMs, dead = []) {
      const reply = await connection.run("shards", [k.shards(id)], [owner, total, ttlMs, ...dead]);
      const { shards, members } = parsed(Held, String(reply), "shards");
      return { shards: words(shards).map(Number), members: words(members) };
    },
    async mayIdentify(bucket, owner, ms) {
      // The lease's own end is the pause that the platform asks for: nobody gives it back.
      const attempt = `${owner}.${performance.now()}`;
      return (await connection.run("lease", [k.identify(id, bucket)], [attempt, ms, ""])) === attempt;
    },
  };
}
