/**
 * What worker, gateway and operator may ask of the launcher: fixed operations, validated, one JSON object per line.
 * Each caller has its own socket (`run/launcher/<role>.sock`, owned by that process's uid, 0600): the socket is the
 * role. Request `{id, op, …}` → answer `{id, ok: true, result}` or `{id, ok: false, error: {code, message, hint?}}`.
 * After `watch`, lines `{event: "sandbox", sandboxId, info | null}` follow for every sandbox (first all, then changes).
 */
import { z } from "zod";
import { SandboxId, SandboxSpec } from "../driver.ts";

/** Who is asking, by socket. */
export type LauncherRole = "worker" | "gateway" | "operator";

const id = z.number().int().nonnegative();
const one = <T extends string>(op: T) => z.strictObject({ id, op: z.literal(op), sandboxId: SandboxId });

/** Every request; anything else is refused. */
export const LauncherRequest = z.discriminatedUnion("op", [
  z.strictObject({ id, op: z.literal("create"), spec: SandboxSpec }),
  one("start"),
  z.strictObject({ id, op: z.literal("stop"), sandboxId: SandboxId, reason: z.string().max(64) }),
  one("destroy"),
  one("park"),
  one("wake"),
  one("trim"),
  one("stats"),
  one("inspect"),
  z.strictObject({ id, op: z.literal("list") }),
  z.strictObject({ id, op: z.literal("watch") }),
  z.strictObject({ id, op: z.literal("layers") }),
  /** Gives the caller's own socket of that sandbox (gateway: egress, worker: control) to the sandbox's uid, 0600. */
  one("handOver"),
  /** Kills every process inside except PID 1 and those it names as its own (cancel, after 3 s). */
  one("killAgent"),
  /** Which program inside has this port of its loopback connected to the proxy; null when that isn't known for sure. */
  z.strictObject({
    id,
    op: z.literal("programOf"),
    sandboxId: SandboxId,
    port: z.number().int().min(1).max(65_535),
  }),
]);
export type LauncherRequest = z.infer<typeof LauncherRequest>;

/** Which role may call which operation. */
export const ALLOWED: Record<LauncherRole, ReadonlySet<LauncherRequest["op"]>> = {
  worker: new Set([
    "create",
    "start",
    "stop",
    "park",
    "wake",
    "trim",
    "stats",
    "inspect",
    "list",
    "watch",
    "layers",
    "handOver",
    "killAgent",
  ]),
  gateway: new Set(["inspect", "list", "watch", "handOver", "programOf"]),
  operator: new Set([
    "create",
    "start",
    "stop",
    "destroy",
    "park",
    "wake",
    "trim",
    "stats",
    "inspect",
    "list",
    "watch",
    "layers",
    "killAgent",
  ]),
};
