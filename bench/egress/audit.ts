/** The measured proxy writes the product's own audit, with its defaults, in a home of the bench's. */
import { mkdirSync } from "node:fs";
import { AuditLog, auditPlaces } from "../../src/gateway/audit/index.ts";
import type { AuditPort } from "../../src/gateway/egress/proxy/index.ts";
import { createLogger } from "../../src/lib/logging.ts";
import { pathsOf } from "../../src/lib/paths.ts";

/** Opens the audit below `home`. */
export function openAudit(home: string): AuditPort {
  const paths = pathsOf(home);
  for (const dir of [paths.audit, paths.secrets("gateway")]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  return AuditLog.open({ places: auditPlaces(paths), logger: createLogger({ process: "gateway" }) });
}
