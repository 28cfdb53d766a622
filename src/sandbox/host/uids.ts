/**
 * Host uids of principals, when the service runs as root: one each, from a reserved range, recorded in `uids.json`
 * outside Redis, never given out twice, not even after a principal is gone.
 */
import { closeSync, existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";
import { tryLock, writeAtomic } from "./files.ts";

/** First uid of the range. Unused by distributions, subordinate ids and systemd (systemd.io/UIDS-GIDS). */
export const UID_BASE = 1_900_000_000;
const UID_COUNT = 10_000_000;

const UidFile = z.strictObject({
  v: z.literal(1),
  next: z.number().int(),
  uids: z.record(z.string(), z.number().int()),
});

/** The principal's uid; a new one when it has none yet. */
export function uidOf(file: string, principal: string, base: number = UID_BASE): number {
  const lock = tryLock(`${file}.lock`, 5);
  if (lock === undefined)
    throw new Fault({ code: "sandbox-uids-locked", message: `${file} is locked by another process` });
  try {
    const known = existsSync(file)
      ? UidFile.parse(JSON.parse(readFileSync(file, "utf8")))
      : { v: 1 as const, next: base, uids: {} };
    const old = known.uids[principal];
    if (old !== undefined) return old;
    if (known.next >= base + UID_COUNT)
      throw new Fault({ code: "sandbox-uids-exhausted", message: `${file}: no uid is left` });
    const uid = known.next;
    writeAtomic(
      file,
      `${JSON.stringify({ ...known, next: uid + 1, uids: { ...known.uids, [principal]: uid } }, null, 1)}\n`,
    );
    return uid;
  } finally {
    closeSync(lock);
  }
}
