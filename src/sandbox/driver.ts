/**
 * The one interface of all sandbox drivers (DESIGN §4) and the records they return.
 * A driver is used by the launcher only; everybody else speaks to the launcher (`launcher/protocol.ts`).
 * Drivers know nothing of chats, policies, turns or Redis.
 */
import { z } from "zod";

/** `p_` + 20 characters (lib/ids.ts). A sandbox is named by its principal: one principal, one sandbox. */
export const SandboxId = z.string().regex(/^p_[a-z0-9]{20}$/);
export type SandboxId = z.infer<typeof SandboxId>;

/** Hard limits of one sandbox. All are enforced outside the guest. */
export const Limits = z.strictObject({
  /** Bytes of memory of all its processes together. */
  memoryBytes: z
    .number()
    .int()
    .min(64 << 20)
    .default(2_560 * 1024 * 1024),
  /** Processes and threads. */
  pids: z.number().int().min(16).default(512),
  /** CPU in cores; 0 = no cap. */
  cpus: z.number().min(0).default(0),
  /** Bytes of the home. Measured every few seconds where the host has no quota. */
  diskBytes: z
    .number()
    .int()
    .min(1 << 20)
    .default(5 * 1024 * 1024 * 1024),
  /** Files and directories of the home. */
  inodes: z.number().int().min(100).default(200_000),
});
export type Limits = z.infer<typeof Limits>;

/** What the agent inside is given. No secret ever. */
export const AgentSpec = z.strictObject({
  /** Model id as OpenClaw is told it, e.g. `demo/demo-1`; the router decides what is really called. */
  model: z.string().regex(/^[A-Za-z0-9._:/-]{1,128}$/),
  contextWindow: z.number().int().min(4_096).default(131_072),
  maxTokens: z.number().int().min(256).default(8_192),
  /** OpenClaw asks a person before it runs a command that it doesn't know as harmless. A courtesy, not a boundary. */
  askCommands: z.boolean().optional(),
  /** Run this instead of the blueprint's agent (tests only; a path inside the sandbox's runtime). */
  program: z.string().max(256).optional(),
});
export type AgentSpec = z.infer<typeof AgentSpec>;

/** A sandbox as its driver makes it. */
export const SandboxSpec = z.strictObject({
  id: SandboxId,
  /** What both CLIs and the shell prompt call it. RFC 1123 label. */
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  limits: Limits,
  agent: AgentSpec,
});
export type SandboxSpec = z.infer<typeof SandboxSpec>;

/** `absent → stopped ⇄ running ⇄ parked`; an agent's own warm-up is the worker's business. */
export const SandboxState = z.enum(["stopped", "running", "parked"]);
export type SandboxState = z.infer<typeof SandboxState>;

/** What is known of a sandbox on this host. */
export const SandboxInfo = z.object({
  id: SandboxId,
  name: z.string(),
  state: SandboxState,
  /** Directory name of its two sockets; unguessable, new at each create. */
  runName: z.string(),
  /** Random per start; empty when stopped. A guest with another bootId is another life. */
  bootId: z.string(),
  /** Host pid of the sandbox's PID 1 and its start time (ticks, /proc/pid/stat field 22); 0 when stopped. */
  pid: z.number().int(),
  startTime: z.number().int(),
  /** Host uid of its processes and of its home. */
  uid: z.number().int(),
  limits: Limits,
  agent: AgentSpec,
  /**
   * Why it stopped last: `asked` (or the reason given), `exit`, `oom`, `disk`; empty while it never has. `oom` while
   * running: the kernel killed something inside for want of memory, and the sandbox went on.
   */
  lastStop: z.string(),
  /** Processes of its present life (stopped: of its last) that the kernel killed for want of memory. */
  oomKills: z.number().int().nonnegative().default(0),
});
export type SandboxInfo = z.infer<typeof SandboxInfo>;

/** Measured use of one sandbox. */
export const SandboxStats = z.object({
  memoryBytes: z.number(),
  swapBytes: z.number(),
  pids: z.number(),
  cpuMs: z.number(),
  diskBytes: z.number(),
  inodes: z.number(),
});
export type SandboxStats = z.infer<typeof SandboxStats>;

/** One protection and whether it is really active. */
export interface Layer {
  /** `namespaces`, `no-network`, `seccomp`, `landlock`, `memory-cap`, `pids-cap`, `uid-separation`, `disk-limit`. */
  name: string;
  active: boolean;
  /** E.g. `Landlock ABI 7`, `cgroup v1`. */
  detail: string;
  /** True when serving without it needs the operator's `best_effort`. */
  required: boolean;
  /** How to get it, when it is missing. */
  fix?: string;
}

/** One way to cage a guest. All calls are idempotent; errors are Faults with codes of the form `sandbox-…`. */
export interface SandboxDriver {
  readonly kind: "process" | "docker";
  /** Probes inside a throw-away sandbox which layers are really there. */
  selfTest(): Promise<Layer[]>;
  /** Makes home, uid and record. Existing ones are kept; name, limits and agent are updated for the next start. */
  create(spec: SandboxSpec): Promise<SandboxInfo>;
  /** Starts PID 1 (our guest). Running or parked ones are returned as they are. */
  start(id: SandboxId): Promise<SandboxInfo>;
  /** Ends every process. Files stay. */
  stop(id: SandboxId, reason: string): Promise<SandboxInfo>;
  /** Stops, then removes home, sockets and record. The uid is never given out again. */
  destroy(id: SandboxId): Promise<void>;
  /** Stops all processes in place and pages them out (DESIGN §4). Fault `sandbox-park-unsupported` names why not. */
  park(id: SandboxId): Promise<SandboxInfo>;
  /** Lets parked processes go on. */
  wake(id: SandboxId): Promise<SandboxInfo>;
  /** Pages a running sandbox's memory out once (after warm-up); no-op without swap. */
  trim(id: SandboxId): Promise<void>;
  /** Kills everything inside except PID 1 and the guest, its first child; the whole sandbox when that can't be done. */
  killAgent(id: SandboxId): Promise<void>;
  /**
   * Path, as it is inside, of the one program whose connection 127.0.0.1:`port` → proxy this is. Undefined when that
   * isn't known for sure: nobody, several, gone meanwhile, the guest itself, or a driver that can't look.
   */
  programOf(id: SandboxId, port: number): Promise<string | undefined>;
  stats(id: SandboxId): Promise<SandboxStats>;
  /** As it is now: what the kernel killed inside just before is counted. */
  inspect(id: SandboxId): Promise<SandboxInfo | undefined>;
  /** All of this host, after adopting what survived and marking what didn't as stopped. */
  list(): Promise<SandboxInfo[]>;
  /** Called whenever a sandbox is created, starts, stops (also by itself) or goes away. Returns the unsubscriber. */
  onChange(listener: (id: SandboxId, info: SandboxInfo | undefined) => void): () => void;
}
