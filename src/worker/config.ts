/**
 * The worker's settings, with their defaults. Handed in; nothing here reads files or the environment.
 */
import { availableParallelism, totalmem } from "node:os";
import { z } from "zod";
import { RUNNING_TURNS } from "../lib/limits.ts";
import { AgentSpec, Limits } from "../sandbox/index.ts";

/** Memory that a warm agent is counted with (reference: about 1 GB after its start). */
const WARM_AGENT_BYTES = 1.1 * 1024 ** 3;

/** Zod schema of {@link WorkerConfig}. */
export const WorkerConfig = z.strictObject({
  /** Turns that run at once on this host. */
  concurrency: z.number().int().min(1).default(32),
  /** Turns of one principal that run at once, where its profile doesn't say otherwise. */
  runningTurns: z.number().int().min(1).max(64).default(RUNNING_TURNS),
  /** Turns that may be held while their agents wake. */
  maxClaimed: z.number().int().min(1).default(256),
  /** Agents that may be in memory at once; the longest idle one makes room. */
  maxWarm: z
    .number()
    .int()
    .min(1)
    .default(() => Math.max(1, Math.floor((totalmem() * 0.75) / WARM_AGENT_BYTES))),
  /** Agents that may start at once. */
  coldStarts: z
    .number()
    .int()
    .min(1)
    .default(() => Math.max(1, Math.floor(availableParallelism() / 2))),
  /** Agents that may be waking because a turn is only predicted. */
  maxPredicted: z.number().int().min(0).default(2),
  /** Milliseconds without a turn after which an agent is parked, where the host can. */
  parkAfterMs: z.number().int().min(0).default(120_000),
  /** Milliseconds without a turn after which an agent is stopped. */
  stopAfterMs: z.number().int().min(0).default(1_800_000),
  /** `warm`: through the running agent. `oneshot`: one program run per turn. */
  mode: z.enum(["warm", "oneshot"]).default("warm"),
  /** For principals whose profile doesn't say otherwise. */
  profile: z
    .strictObject({
      provider: z.string().default("demo"),
      model: z.string().default("demo-1"),
      limits: Limits.prefault({}),
      agent: AgentSpec.omit({ model: true }).prefault({}),
    })
    .prefault({}),
});
export type WorkerConfig = z.infer<typeof WorkerConfig>;
