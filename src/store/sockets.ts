/**
 * Facts of a platform that is listened to by sockets: how far each channel was read, and which process listens to which
 * shard. Unlike Telegram, such a platform remembers nothing for us.
 */
import { z } from "zod";
import type { Connection } from "./connection.ts";
import { parsed } from "./json.ts";
import { keys } from "./keys.ts";
import type { SocketPort } from "./ports.ts";

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
