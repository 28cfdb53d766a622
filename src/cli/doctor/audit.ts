/** Is the record of the gateway's decisions as it was written? */
import { existsSync } from "node:fs";
import { auditPlaces, verifyAudit } from "../../gateway/index.ts";
import { describeError } from "../../lib/errors.ts";
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import type { Examined } from "./examined.ts";

/** Reads and verifies it all. */
export function checkAudit({ paths }: Examined): Finding {
  const name = "audit";
  const places = auditPlaces(paths);
  if (!existsSync(places.dir)) return ok(name, "none yet");
  try {
    const verdict = verifyAudit(places);
    if (verdict.kind === "intact") return ok(name, `intact, ${verdict.rows} rows`);
    if (verdict.kind === "no-key")
      return verdict.rows === 0
        ? ok(name, "none yet")
        : warn(name, "its key is gone", `restore ${places.keyFile}`);
    const [problem] = verdict.problems;
    return fail(
      name,
      `not as it was written: ${problem ? `${problem.file}:${problem.line} ${problem.what}` : "unknown"}`,
      "nemoclaw audit verify lists everything; keep a copy, find out who may write there",
    );
  } catch (error) {
    return warn(
      name,
      `can't be read: ${describeError(error)}`,
      "run this as root, or as the user who runs the service",
    );
  }
}
