/**
 * The doorbell: a BullMQ job per ring, deduplicated by conversation, and its pub/sub twin (RELIABILITY §1, §2).
 * The job is never the truth: it is done as soon as a handler has the conversation. BullMQ keeps a ring for a worker
 * that isn't there yet or doesn't answer; the twin reaches one that is, faster, and past the deduplication key that a
 * killed worker leaves behind. Must never let an error of BullMQ's own loops reach the process.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Job, Queue } from "bullmq";
import { Redis } from "ioredis";
import type { Logger } from "../lib/logging.ts";
import { type Connection, redisFault } from "./connection.ts";
import { type Dispatcher, dispatcher } from "./dispatcher.ts";
import { doorbellPrefix, ringChannel } from "./keys.ts";
import type { DoorbellPort } from "./ports.ts";
import { within } from "./within.ts";

const QUEUE = "turns";
/** How long BullMQ may take for anything that we wait for. */
const BULLMQ_MS = 1_500;

/** BullMQ is large: a service loads it this long after its start, a command that is over by then never. Milliseconds. */
const LOAD_MS = 500;

/** The doorbell of a host. */
export function doorbell(
  connection: Connection,
  host: string,
  logger: Logger,
): DoorbellPort & { close(): Promise<void> } {
  const bullmq = () => import("bullmq");
  setTimeout(() => void bullmq(), LOAD_MS).unref();
  let queue: Promise<Queue> | undefined;
  const open = new Set<() => Promise<void>>();

  function theQueue(): Promise<Queue> {
    queue ??= bullmq().then(({ Queue }) => {
      const made = new Queue(QUEUE, {
        connection: connection.redis,
        prefix: doorbellPrefix(host),
        skipVersionCheck: true,
        skipMetasUpdate: true,
        streams: { events: { maxLen: 100 } },
        defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
      });
      made.on("error", (err) => logger.debug({ err }, "doorbell queue"));
      return made;
    });
    return queue;
  }

  return {
    async ring(conversation) {
      const once = { deduplication: { id: conversation, keepLastIfActive: true } };
      // BullMQ waits for a connection as long as it takes; nobody who rings may.
      const job = await connection.command(() =>
        within(
          BULLMQ_MS,
          theQueue().then((q) => q.add("ring", { conversation }, once)),
        ),
      );
      if (!job) throw redisFault(new Error("BullMQ took no job in time"), true);
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
      let jobs = 0;
      const take = async (job: Job) => {
        jobs += 1;
        await calls.ring(String(job.data.conversation));
      };
      const { Worker } = await bullmq();
      const worker = new Worker(QUEUE, take, {
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
      worker.on("completed", () => {
        jobs -= 1;
      });
      const close = async () => {
        if (!open.delete(close)) return;
        await unsubscribe();
        await within(BULLMQ_MS, worker.pause(true));
        const drained = calls.close();
        // A ring in hand is done as a job now; leave none active, since BullMQ would swallow its conversation's rings.
        for (let waited = 0; jobs > 0 && waited < BULLMQ_MS; waited += 10) await sleep(10);
        await drained;
        // By force: otherwise it waits for the end of a connection, for ever if that is being made again just now.
        await within(BULLMQ_MS, worker.close(true));
        client.disconnect();
      };
      open.add(close);
      return {
        async pause() {
          calls.pause();
          await within(BULLMQ_MS, worker.pause(true));
        },
        ring: (conversation: string) => calls.ring(conversation),
        close,
      };
    },

    async depth() {
      const waiting = await connection.command(async () =>
        (await theQueue()).getJobCounts("waiting", "active"),
      );
      return (waiting["waiting"] ?? 0) + (waiting["active"] ?? 0);
    },

    async close() {
      for (const close of [...open]) await close();
      if (queue)
        await within(
          BULLMQ_MS,
          queue.then((q) => q.close()),
        );
    },
  };
}
