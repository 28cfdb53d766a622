/** A line of the one log in OpenShell's shape: `[seconds.ms] [source ] [LEVEL] [target] message key=value …`. Pure. */
import { shown } from "../term/safe.ts";

/** Levels, the least important first. */
export const LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;
export type Level = (typeof LEVELS)[number];

/** A line, taken apart. */
export interface LogLine {
  readonly at: number;
  readonly source: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const OWN = new Set(["time", "level", "process", "msg", "pid", "err"]);

/** Takes a stored line apart; undefined for what is none. */
export function parseLine(line: string): LogLine | undefined {
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    const { time, level, process: source, msg, err } = value;
    const fields = Object.fromEntries(Object.entries(value).filter(([name]) => !OWN.has(name)));
    const reason = (err as { message?: unknown } | undefined)?.message;
    return {
      at: typeof time === "number" ? time : Date.parse(String(time)),
      source: String(source ?? ""),
      level: String(level ?? "info"),
      message: String(msg ?? ""),
      fields: reason === undefined ? fields : { ...fields, reason },
    };
  } catch {
    return undefined;
  }
}

/** The line for a terminal. Whatever a field holds, it stays on its line. */
export function openshellLine({ at, source, level, message, fields }: LogLine): string {
  const seconds = Number.isFinite(at) ? (at / 1_000).toFixed(3) : "0.000";
  const pairs = Object.entries(fields).map(([name, value]) => `${shown(name, 40)}=${valueText(value)}`);
  const words = [shown(message, 500), ...pairs].join(" ");
  return `[${seconds}] [${shown(source, 20).padEnd(8)}] [${level.toUpperCase().padEnd(5)}] [nemoclaw] ${words}`;
}

function valueText(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
  return /\s/.test(text) ? `"${shown(text, 300)}"` : shown(text, 300);
}

/** `5m`, `2h`, `30s`, `1d` as milliseconds; undefined for anything else. */
export function spanOf(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return count === undefined ? undefined : Number(count) * (units[unit] ?? 0);
}
