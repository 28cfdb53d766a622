/**
 * One JSON vocabulary for all processes (pino). In a terminal the supervisor prints it prettily.
 * Field names are fixed: `turnId`, `conversation`, `principal`, `sandboxId`, `approvalId`, `seq`, `fence`, `ms`, `err`.
 */
import pino, { type Logger } from "pino";
import { redact } from "./redact.ts";

export type { Logger } from "pino";

/** Keys whose values never reach a log line, at the first two levels of an object. */
const SECRET_KEYS = ["token", "apiKey", "password", "authorization", "secret", "key", "headers"];

/** What a logger needs to know. */
export interface LogOptions {
  /** The process that logs: `worker`, `gateway`, `telegram-bridge` … */
  process: string;
  /** pino level; default `info`. */
  level?: string;
  /** Where lines go; default stdout, synchronous so that a killed process loses none. */
  destination?: pino.DestinationStream;
}

/** Makes the process's logger. Strings anywhere in a line are passed through {@link redact}. */
export function createLogger(options: LogOptions): Logger {
  const destination = options.destination ?? pino.destination({ fd: 1, sync: true });
  const redacting: pino.DestinationStream = { write: (line: string) => destination.write(redact(line)) };
  return pino(
    {
      level: options.level ?? "info",
      base: { process: options.process, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
      redact: { paths: SECRET_KEYS.flatMap((k) => [k, `*.${k}`]), censor: "[redacted]" },
    },
    redacting,
  );
}

/** An error as fields: code and message always, the stack only at debug level of the reader's choosing. */
function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, retryable, certain } = error as { code?: string; retryable?: boolean; certain?: boolean };
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(retryable === undefined ? {} : { retryable }),
    ...(certain === undefined ? {} : { certain }),
    ...(error.cause === undefined ? {} : { cause: String((error.cause as Error).message ?? error.cause) }),
    stack: error.stack,
  };
}
