/** Writes rows until it is killed; says on stdout which ones were reported as written. */
import { writeSync } from "node:fs";
import { AuditLog, auditPlaces } from "../../../src/gateway/audit/index.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import { row } from "./helpers.ts";

const quiet = () => {};
const log = AuditLog.open({
  places: auditPlaces(pathsOf(process.argv[2]!)),
  logger: { info: quiet, warn: quiet, error: quiet } as never,
  maxBytes: 200_000,
  keepFiles: 100_000,
});
const rule = "r".repeat(900);
for (let i = Number(process.argv[3]); ; i += 40) {
  await Promise.all(
    Array.from({ length: 40 }, async (_, j) => {
      await log.decided(row({ id: `row-${i + j}`, rule }));
      writeSync(1, `${i + j}\n`);
    }),
  );
}
