/**
 * The one place that says which audit the measured proxy writes: rows chained by HMAC, one write at a time with all that
 * arrived meanwhile, to the disk (O_DSYNC). Allow rows are waited for, close rows may lie for 50 ms.
 */
import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { constants, openSync, write } from "node:fs";
import type { AuditPort, AuditRow } from "../../src/gateway/egress/proxy/index.ts";

interface Entry {
  readonly text: string;
  readonly resolve?: () => void;
  readonly reject?: (err: unknown) => void;
}

/** Opens the audit. */
export function openAudit(file: string): AuditPort {
  const { O_WRONLY, O_APPEND, O_CREAT, O_DSYNC } = constants;
  const fd = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_DSYNC, 0o600);
  const key = createSecretKey(randomBytes(32));
  let last = "";
  let waiting: Entry[] = [];
  let timer: NodeJS.Timeout | undefined;
  let busy = false;
  const run = () => {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    let lines = "";
    for (const { text } of batch) {
      last = createHmac("sha256", key).update(last).update(text).digest("base64url");
      lines += `${text.slice(0, -1)},"mac":"${last}"}\n`;
    }
    write(fd, lines, (err) => {
      for (const { resolve, reject } of batch) {
        if (err) reject?.(err);
        else resolve?.();
      }
      if (waiting.some(({ resolve }) => resolve)) return run();
      busy = false;
      if (waiting.length > 0) timer = setTimeout(run, 50);
    });
  };
  const add = (row: AuditRow, settle?: Pick<Required<Entry>, "resolve" | "reject">) =>
    waiting.push({ text: JSON.stringify({ time: new Date().toISOString(), ...row }), ...settle });
  return {
    decided: (row) =>
      new Promise<void>((resolve, reject) => {
        add(row, { resolve, reject });
        if (!busy) setImmediate(run);
        busy = true;
      }),
    closed(row) {
      add(row);
      if (!busy) timer ??= setTimeout(run, 50);
    },
  };
}
