/** A temporary home with an audit, rows to write and a look at what is there. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuditLog, type AuditLogOptions, auditFiles, auditPlaces } from "../../../src/gateway/audit/index.ts";
import type { AuditRow } from "../../../src/gateway/egress/proxy/index.ts";
import { pathsOf } from "../../../src/lib/paths.ts";

export const SANDBOX = "p_aaaaaaaaaaaaaaaaaaaa";

/** A decision. */
export function row(more: Partial<AuditRow> = {}): AuditRow {
  return {
    event: "decision",
    id: "5b1d1f0e-0000-4000-8000-000000000000",
    sandboxId: SANDBOX,
    binary: "/usr/bin/curl",
    scheme: "tunnel",
    host: "api.example.com",
    port: 443,
    verdict: "allow",
    reason: "allowed",
    layer: "operator",
    rule: "example",
    policyHash: "0123456789abcdef",
    address: "192.0.2.1",
    ...more,
  } as AuditRow;
}

/** An audit below `parent`. */
export function auditIn(parent = tmpdir()) {
  const home = mkdtempSync(join(parent, "audit2-"));
  const places = auditPlaces(pathsOf(home));
  mkdirSync(places.dir, { recursive: true, mode: 0o700 });
  mkdirSync(join(home, "secrets", "gateway"), { recursive: true, mode: 0o700 });
  const logs: Record<string, unknown>[] = [];
  const take = (fields: unknown, msg?: unknown) => void logs.push({ ...(fields as object), msg });
  const logger = { info: take, warn: take, error: take } as unknown as AuditLogOptions["logger"];
  const files = () => auditFiles(places.dir).map(({ name }) => join(places.dir, name));
  return {
    home,
    places,
    logs,
    files,
    open: (options: Partial<AuditLogOptions> = {}) => AuditLog.open({ places, logger, ...options }),
    text: () =>
      files()
        .map((file) => readFileSync(file, "latin1"))
        .join(""),
    rows: () =>
      files()
        .flatMap((file) => readFileSync(file, "utf8").split("\n").slice(0, -1))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  };
}
