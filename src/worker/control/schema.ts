/**
 * What a guest may say, as zod schemas. `tsc` checks them against `sandbox/guest/protocol.ts`.
 * Everything that passes is still only a claim of the sandbox (DESIGN §3): it selects no principal, grants nothing and
 * is never billed from. Must never accept a string or list without a bound.
 */
import { z } from "zod";
import type { FromGuest } from "../../sandbox/index.ts";
import { MAX_FRAME } from "./wire.ts";

/** Short words of the agent: cut, not refused, so that a talkative tool doesn't end the connection. */
const cut = (length: number) => z.string().transform((text) => text.slice(0, length));
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const id = z.string().min(1).max(64);
const long = z.string().max(MAX_FRAME);

const AgentState = z.enum(["cold", "waking", "warm", "busy", "failed"]);

const GuestTurn = z.object({ turnId: id, fence: count, state: z.enum(["running", "done"]), lastSeq: count });

const GuestError = z.enum([
  "stale-fence",
  "unknown-turn",
  "not-steerable",
  "busy",
  "agent-failed",
  "bad-command",
  "file-error",
  "too-large",
]);

const TurnEvent = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("started") }),
  z.object({ kind: z.literal("delta"), text: long }),
  z.object({ kind: z.literal("text"), text: long }),
  z.object({
    kind: z.literal("tool"),
    phase: z.enum(["start", "update", "end"]),
    id: cut(128),
    name: cut(64),
    summary: cut(500),
    ok: z.boolean().exactOptional(),
  }),
  z.object({ kind: z.literal("steer"), steer: count, taken: z.boolean() }),
  z.object({ kind: z.literal("ask"), ask: id, command: cut(2_000), cwd: cut(256), always: z.boolean() }),
  z.object({ kind: z.literal("ask-over"), ask: id }),
  z.object({ kind: z.literal("usage"), input: count, output: count }),
  z.object({ kind: z.literal("final"), text: long }),
  z.object({ kind: z.literal("failed"), code: cut(64), message: cut(1_000), retryable: z.boolean() }),
  z.object({ kind: z.literal("cancelled") }),
]);

const GuestFile = z.object({
  path: z.string().min(1).max(4_096),
  kind: z.enum(["file", "directory", "other"]),
  size: count,
  mode: count,
});

const Transcript = z.union([
  z.object({ text: long, cut: z.boolean().exactOptional() }),
  z.object({ failed: cut(64) }),
]);

const Ack = z.discriminatedUnion("ok", [
  z.object({
    type: z.literal("ack"),
    id: count,
    ok: z.literal(true),
    turn: GuestTurn.exactOptional(),
    size: count.exactOptional(),
    data: long.exactOptional(),
    eof: z.boolean().exactOptional(),
    path: z.string().max(4_096).exactOptional(),
    files: z.array(GuestFile).max(256).exactOptional(),
    mode: count.exactOptional(),
    transcript: Transcript.exactOptional(),
  }),
  z.object({
    type: z.literal("ack"),
    id: count,
    ok: z.literal(false),
    error: GuestError,
    message: cut(1_000),
  }),
]);

const Hello = z.object({
  type: z.literal("hello"),
  v: count,
  sandbox: id,
  bootId: z.string().max(128),
  agent: AgentState,
  fence: count,
  turns: z.array(GuestTurn).max(1_024),
});

/** A frame from a guest. */
export const FromGuestSchema = z.union([
  z.object({ type: z.literal("event"), turnId: id, fence: count, seq: count, event: TurnEvent }),
  Ack,
  z.object({ type: z.literal("exec.out"), session: id, stream: count, data: long }),
  z.object({ type: z.literal("exec.took"), session: id, bytes: count }),
  z.object({ type: z.literal("exec.end"), session: id, code: count }),
  z.object({ type: z.literal("pong"), n: count }),
  z.object({ type: z.literal("agent"), state: AgentState, detail: cut(500), ms: z.number().exactOptional() }),
  z.object({
    type: z.literal("files"),
    changes: z
      .array(z.object({ op: z.enum(["create", "write", "delete"]), path: cut(512) }))
      .transform((changes) => changes.slice(0, 64)),
    more: count,
  }),
  z.object({ type: z.literal("log"), level: z.enum(["info", "warn", "error"]), message: cut(2_000) }),
  Hello,
]) satisfies z.ZodType<FromGuest>;

/** The first frame of a connection. */
export type HelloFrame = Extract<FromGuest, { type: "hello" }>;
