/**
 * JSON on its way into and out of Redis. Lone surrogates (a name cut inside an emoji) become U+FFFD: Redis's JSON
 * library refuses them. What comes out is parsed with zod: a reply that doesn't fit is a Fault, never a guess.
 */
import { z } from "zod";
import { Fault } from "../lib/errors.ts";

/** `value` as JSON that every reader can decode. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, v) => (typeof v === "string" ? v.toWellFormed() : v));
}

/** A reply or record that was read, checked. `what` names it in the error. */
export function checked<S extends z.ZodType>(schema: S, value: unknown, what: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Fault({
    code: "store-record",
    message: `stored ${what} can't be read: ${result.error.issues.map((i) => `${i.path.join(".")} ${i.message}`).join("; ")}`,
    hint: "was this data written by a newer version? see nemoclaw doctor",
    cause: result.error,
  });
}

/** Like {@link checked}, from JSON text. */
export function parsed<S extends z.ZodType>(schema: S, json: string, what: string): z.infer<S> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Fault({ code: "store-record", message: `stored ${what} is no JSON`, cause: error });
  }
  return checked(schema, value, what);
}

/** A flat field-value reply (HGETALL inside a script) as an object. */
export function fieldsOf(flat: readonly string[]): Record<string, string> {
  const out: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) out[flat[i] ?? ""] = flat[i + 1] ?? "";
  return out;
}

/** A TIME reply in milliseconds. */
export function timeOf(reply: unknown): number {
  const [seconds, micros] = checked(z.tuple([z.coerce.number(), z.coerce.number()]), reply, "time");
  return seconds * 1_000 + Math.floor(micros / 1_000);
}
