/**
 * The doorbell: a BullMQ job per ring, deduplicated by conversation, and its pub/sub twin (RELIABILITY §1, §2).
 * The job is never the truth: it is done as soon as a handler has the conversation. BullMQ keeps a ring for a worker
 * that isn't there yet or doesn't answer; the twin reaches one that is, faster, and past the deduplication key that a
 * killed worker leaves behind. Must never let an error of BullMQ's own loops reach the process.
 */
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { Logger } from "../lib/logging.ts";
import type { Connection } from "./connection.ts";
import { type Dispatcher, dispatcher } from "./dispatcher.ts";
import { doorbellPrefix, ringChannel } from "./keys.ts";
import type { DoorbellPort } from "./ports.ts";

const QUEUE = "turns";

/** The doorbell of a host. */
export function doorbell(
  connection: Connection,
  host: string,
  logger: Logger,
): DoorbellPort & { close(): Promise<void> } {
  let queue: Queue | undefined;
  const open = new Set<() => Promise<void>>();

  function theQueue(): Queue {
    if (queue) return queue;
    queue = new Queue(QUEUE, {
      connection: connection.redis,
      prefix: doorbellPrefix(host),
      skipVersionCheck: true,
      skipMetasUpdate: true,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    queue.on("error", (err) => logger.debug({ err }, "doorbell queue"));
    return queue;
  }

  return {
    async ring(conversation) {
      await connection.command(() =>
        theQueue().add(
          "ring",
          { conversation },
          { deduplication: { id: conversation, keepLastIfActive: true } },
        ),
      );
    },

    async listen(handler, concurrency) {
      const calls: Dispatcher = dispatcher(handler, concurrency, (err, conversation) =>
        logger.error({ err, conversation }, "doorbell handler failed"),
      );
      const unsubscribe = await connection.subscribe(
        ringChannel(host),
        (conversation) => void calls.ring(conversation),
      );
      // BullMQ's loops wait as long as Redis is away: they get a patient connection of their own.
      const client = new Redis({
        ...connection.patient,
        connectionName: `${connection.patient.connectionName}-bell`,
      });
      client.on("error", () => {}); // Reported by the main connection.
      const worker = new Worker(QUEUE, async (job) => calls.ring(String(job.data.conversation)), {
        connection: client,
        prefix: doorbellPrefix(host),
        skipVersionCheck: true,
        concurrency,
        lockDuration: 30_000,
        stalledInterval: 30_000,
        maxStalledCount: 1_000_000,
        // BullMQ's default makes a worker deaf for 15 s after each lost connection.
        runRetryDelay: 500,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      });
      worker.on("error", (err) => logger.debug({ err }, "doorbell worker"));
      const close = async () => {
        if (!open.delete(close)) return;
        await unsubscribe();
        const drained = calls.close();
        // A worker that can't reach Redis would wait for it: after the handlers are done there is nothing to save.
        await Promise.race([worker.close(), new Promise((r) => setTimeout(r, 1_000).unref())]).catch(
          () => {},
        );
        await drained;
        await worker.close(true).catch(() => {});
        client.disconnect();
      };
      open.add(close);
      return {
        async pause() {
          calls.pause();
          await Promise.race([worker.pause(true), new Promise((r) => setTimeout(r, 1_000).unref())]);
        },
        ring: (conversation: string) => calls.ring(conversation),
        close,
      };
    },

    async depth() {
      const waiting = await connection.command(() => theQueue().getJobCounts("waiting", "active"));
      return (waiting["waiting"] ?? 0) + (waiting["active"] ?? 0);
    },

    async close() {
      for (const close of [...open]) await close();
      await queue?.close().catch(() => {});
    },
  };
}
