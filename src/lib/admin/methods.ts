/**
 * What the operator's commands may ask of a process, as a table: each part of the process contributes its own methods,
 * and the socket that serves them (server.ts) knows none by name. Who reaches the socket is the operator: it is 0600 and
 * owned by the process's user, so only that user and root can.
 */
import type { z } from "zod";

/** One method: its parameters' schema, and what it does. Throws a Fault that the operator can act on. */
export interface AdminMethod {
  readonly params: z.ZodType;
  run(params: unknown): Promise<unknown>;
}

/** Methods by name (`policy.set`, `approvals.decide`, …). */
export type AdminMethods = Readonly<Record<string, AdminMethod>>;

/** Makes a method whose parameters are typed by their schema. */
export function adminMethod<S extends z.ZodType>(
  params: S,
  run: (params: z.output<S>) => Promise<unknown>,
): AdminMethod {
  return { params, run: (value) => run(params.parse(value)) };
}
