/**
 * What travels on the admin socket: one JSON object per line each way. Pure.
 */
import { z } from "zod";
import { Fault } from "../errors.ts";

/** Longest request: a policy file of 256 KB, escaped. */
export const MAX_REQUEST = 2 * 1024 * 1024;
/** Longest answer. */
export const MAX_REPLY = 16 * 1024 * 1024;

/** A request. */
export const AdminRequest = z.strictObject({
  id: z.union([z.number(), z.string().max(64)]),
  method: z.string().max(64),
  params: z.unknown(),
});
export type AdminRequest = z.infer<typeof AdminRequest>;

/** What went wrong, for the operator. */
const AdminError = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });

/** An answer. */
export const AdminReply = z.union([
  z.object({ id: z.unknown(), ok: z.literal(true), result: z.unknown() }),
  z.object({ id: z.unknown(), ok: z.literal(false), error: AdminError }),
]);
export type AdminReply = z.infer<typeof AdminReply>;

/** A thrown value as an answer's error; undefined for what only the log may hold. */
export function errorOf(error: unknown): z.infer<typeof AdminError> | undefined {
  if (error instanceof Fault)
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    };
  if (error instanceof z.ZodError) {
    const message = error.issues.map(({ path, message }) => `${path.join(".") || "params"}: ${message}`);
    return { code: "bad-params", message: message.join("; ").slice(0, 1_000) };
  }
  return undefined;
}
