/** One JSON object a line on stdout, in the vocabulary of `src/lib/logging.ts`. Must never print what a user said. */

/** Levels used here. */
export type Level = "info" | "warn" | "error";

/** Writes one line. `msg` is a fixed word, everything variable goes into fields. */
export function log(level: Level, msg: string, fields: Record<string, unknown> = {}): void {
  process.stdout.write(
    `${JSON.stringify({ level, time: new Date().toISOString(), process: "guest", ...fields, msg })}\n`,
  );
}

/** An error's message, short enough for a line. */
export function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 300);
}
