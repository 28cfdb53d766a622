/** Log lines for a terminal (pino-pretty): time, process, message, and the fields that matter for following a turn. */
import { prettyFactory } from "pino-pretty";

const LEVELS = ["debug", "info", "warn", "error", "fatal"];

/** Whether lines on this stream may have colours: in a terminal, unless NO_COLOR is set (no-color.org). */
export function hasColor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && !env["NO_COLOR"];
}

/** Returns a function that makes a line pretty, or `undefined` when it is below the level or no log line. */
export function prettyLines(options: {
  color: boolean;
  level: string;
}): (line: string) => string | undefined {
  const lowest = LEVELS.indexOf(options.level);
  const pretty = prettyFactory({
    colorize: options.color,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,process",
    messageFormat: "{process}: {msg}",
    singleLine: true,
  });
  return (line) => {
    try {
      const { err, ...fields } = JSON.parse(line) as { level?: string; err?: { message?: string } };
      if (LEVELS.indexOf(fields.level ?? "info") < lowest) return undefined;
      // The stack is in the file; here one line says what happened.
      return pretty(JSON.stringify(err === undefined ? fields : { ...fields, reason: err.message }));
    } catch {
      return undefined;
    }
  };
}
