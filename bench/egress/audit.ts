/**
 * The one place that says which audit the measured proxy writes. Rows are chained by HMAC and written to a file, many at
 * a time; `decided` resolves once its row is written, which is before the tunnel's first byte.
 */
import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import type { AuditPort, AuditRow } from "../../src/gateway/egress/proxy/index.ts";

/** Opens the audit. */
export function openAudit(file: string): AuditPort {
  const fd = openSync(file, "a", 0o600);
  const key = createSecretKey(randomBytes(32));
  let last = "";
  let lines = "";
  let waiting: { resolve: () => void; reject: (err: unknown) => void }[] = [];
  const flush = () => {
    const batch = waiting;
    waiting = [];
    const text = lines;
    lines = "";
    try {
      writeSync(fd, text);
    } catch (err) {
      for (const one of batch) one.reject(err);
      return;
    }
    for (const one of batch) one.resolve();
  };
  const add = (row: AuditRow) => {
    if (lines === "") setImmediate(flush);
    const body = JSON.stringify({ at: Date.now(), ...row });
    last = createHmac("sha256", key).update(last).update(body).digest("base64url");
    lines += `${body.slice(0, -1)},"mac":"${last}"}\n`;
  };
  return {
    decided: (row) =>
      new Promise<void>((resolve, reject) => {
        add(row);
        waiting.push({ resolve, reject });
      }),
    closed: add,
  };
}
