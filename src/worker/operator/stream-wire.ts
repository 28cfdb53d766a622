/**
 * What travels on the worker's stream socket (`run/worker/operator.sock`): one JSON object per line, one stream per
 * connection. The first line says what is wanted, the first answer whether it began; then lines go both ways at the pace
 * of whoever reads. Bytes are base64. Pure.
 */
import { z } from "zod";
import { SandboxId } from "../../sandbox/index.ts";

/** Longest line: a piece of 96 KB as base64, or a command line of 64 KB. */
export const MAX_LINE = 256 * 1024;

const size = z.strictObject({
  columns: z.number().int().min(1).max(9_999),
  rows: z.number().int().min(1).max(9_999),
});
const path = z.string().min(1).max(1_024);
const data = z.base64().max(MAX_LINE);

/** What is wanted. */
export const StreamRequest = z.discriminatedUnion("op", [
  /** Runs a program; `argv` empty: the shell. */
  z.strictObject({
    op: z.literal("exec"),
    sandbox: SandboxId,
    argv: z.array(z.string()).max(4_096),
    cwd: z.string().max(1_024).optional(),
    env: z.record(z.string().max(64), z.string().max(256)).optional(),
    tty: size.optional(),
  }),
  /** Writes a file; it appears whole or not at all. */
  z.strictObject({
    op: z.literal("put"),
    sandbox: SandboxId,
    path,
    mode: z.number().int().min(0).max(0o777).optional(),
  }),
  z.strictObject({ op: z.literal("get"), sandbox: SandboxId, path }),
]);
export type StreamRequest = z.infer<typeof StreamRequest>;

/** Operator → worker, after the first line. */
export const StreamInput = z.union([
  /** Input of the program, or a piece of the file. */
  z.strictObject({ data }),
  /** No more input; the file is whole. */
  z.strictObject({ eof: z.literal(true) }),
  z.strictObject({ size }),
  z.strictObject({ signal: z.enum(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL"]) }),
]);
export type StreamInput = z.infer<typeof StreamInput>;

const Failure = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });

/** Worker → operator. */
export const StreamOutput = z.union([
  /** It takes a moment: the sandbox is being started. */
  z.object({ waking: z.literal(true) }),
  /** It has begun. Of a file: how large it is and its permissions. */
  z.object({ begun: z.literal(true), size: z.number().optional(), mode: z.number().optional() }),
  z.object({ out: z.base64() }),
  z.object({ err: z.base64() }),
  /** The last line: the program's status (128 + signal), 0 of a file. */
  z.object({ end: z.number().int() }),
  /** The last line too: it didn't come to its end. */
  z.object({ failed: Failure }),
]);
export type StreamOutput = z.infer<typeof StreamOutput>;
