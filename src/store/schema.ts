/**
 * Version of the stored data (RELIABILITY §7): a process that can't read what is there refuses to start, by name.
 */
import { z } from "zod";
import { Fault } from "../lib/errors.ts";
import type { Connection } from "./connection.ts";
import { parsed } from "./json.ts";
import { keys } from "./keys.ts";

/** The version that this code writes; it reads this one and the one before. */
export const SCHEMA_VERSION = 1;
const Range = z.looseObject({ min: z.number(), max: z.number() });

/** Refuses data of another version. Data without a version is new. */
export async function checkSchema(connection: Connection, who: string): Promise<void> {
  const json = await connection.command((r) => r.get(keys.schema));
  if (json === null) return;
  const { min, max } = parsed(Range, json, "schema version");
  if (SCHEMA_VERSION >= min && SCHEMA_VERSION <= max) return;
  throw new Fault({
    code: "schema-version",
    message: `${who} reads schema ${SCHEMA_VERSION}, but this Redis holds data for ${min} to ${max}`,
    hint:
      SCHEMA_VERSION < min
        ? "install the version that wrote it, or a newer one"
        : "migrate the data: nemoclaw migrate",
  });
}

/** Stamps new data with our version; does nothing where there is one. For the supervisor. */
export async function stampSchema(connection: Connection): Promise<void> {
  const range = JSON.stringify({ min: SCHEMA_VERSION, max: SCHEMA_VERSION });
  await connection.command((r) => r.set(keys.schema, range, "NX"));
}
